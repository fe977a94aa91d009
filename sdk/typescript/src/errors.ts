// What can go wrong, one class per code of the host, so that a program catches what it can handle.
//
// `HostelError` is above all of them. A tool that says no is a `ToolError`; a host that refuses or fails a request is one of the classes
// by code; that a host cannot be reached, or does not answer in time, is the client's own to say. A code that this version does not know
// is a plain `HostelError`. A call that the caller aborts rejects with the signal's reason, as `fetch` does.

import type { CallSession, Usage } from "./models.js";

/** What an error says besides its message. */
export interface ErrorDetails {
  code?: string;
  hint?: string | undefined;
  status?: number | undefined;
  requestId?: string | undefined;
  retryAfter?: number | undefined;
  details?: Record<string, unknown>;
  cause?: unknown;
}

/** Above every error of this package. */
export class HostelError extends Error {
  /** The code that the class stands for. */
  static readonly code: string = "error";

  /** The host's word for it, out of a closed list; or the client's own: `tool_error`, `unreachable`, `no_answer`. */
  readonly code: string;
  /** What can be done about it, as a sentence for people and models. */
  readonly hint: string | undefined;
  /** HTTP's number, if the host answered with an error. */
  readonly status: number | undefined;
  /** Under which the host's log has it. */
  readonly requestId: string | undefined;
  /** Seconds after which trying again makes sense. */
  readonly retryAfter: number | undefined;
  /** What programs read, with the host's own names: `pointer`, `candidates`, `session`, `session_state`, `rolled_back_to` and so on. */
  readonly details: Record<string, unknown>;

  constructor(message: string, details: ErrorDetails = {}) {
    super(details.hint === undefined ? message : `${message} (${details.hint})`, { cause: details.cause });
    this.name = new.target.name;
    this.code = details.code ?? new.target.code;
    this.hint = details.hint;
    this.status = details.status;
    this.requestId = details.requestId;
    this.retryAfter = details.retryAfter;
    this.details = details.details ?? {};
  }
}

/** Something that a guest reached for and did not get. */
export interface Denial {
  /** `GET https://example.com/` */
  readonly what: string;
  readonly why: string;
  /** What the operator can write into the backend's policy; null: no rule could allow it. */
  readonly allow: string | null;
}

/** The tool ran and answered with its own error. The session goes on. */
export class ToolError extends HostelError {
  static override readonly code = "tool_error";

  constructor(
    /** The tool's own error, as JSON: a string for most tools. */
    readonly value: unknown,
    /** The tool's name, `backend:tool`. */
    readonly action: string,
    readonly usage: Usage,
    /** Null for a stateless tool. */
    readonly session: CallSession | null,
    requestId: string,
    /** What the guest reached for and the host's policy did not allow. */
    readonly denied: readonly Denial[] = [],
  ) {
    super(typeof value === "string" ? value : `${action} said no: ${JSON.stringify(value)}`, { requestId });
  }
}

/** No host could be reached, or the connection broke. If it broke, the call may have run: see the message. */
export class HostUnreachableError extends HostelError {
  static override readonly code = "unreachable";
}

/** The host did not answer in time. The call may have run, and may still be running. */
export class NoAnswerError extends HostelError {
  static override readonly code = "no_answer";
}

/** Something answered, and it does not speak as a Hostel host does. */
export class UnexpectedAnswerError extends HostelError {
  static override readonly code = "unexpected_answer";
}

/** The job succeeded, and its answer was too large or too old to be kept. */
export class AnswerDroppedError extends HostelError {
  static override readonly code = "answer_dropped";
}

/** The job was cancelled. `details` say what became of its session. */
export class JobCancelledError extends HostelError {
  static override readonly code = "cancelled";
}

/** Above the errors for what is not there, or belongs to another worker. */
export class NotFoundError extends HostelError {}

/** Above the errors for what was not begun and may work later: see `retryAfter`. */
export class TryLaterError extends HostelError {}

export class InvalidRequestError extends HostelError {
  static override readonly code = "invalid_request";
}

/** `details` have a JSON `pointer` to the place, what was `expected` and what was `found`. */
export class InvalidParamsError extends HostelError {
  static override readonly code = "invalid_params";
}

export class UnauthenticatedError extends HostelError {
  static override readonly code = "unauthenticated";
}

export class ForbiddenError extends HostelError {
  static override readonly code = "forbidden";
}

export class PolicyDeniedError extends HostelError {
  static override readonly code = "policy_denied";
}

export class BackendNotFoundError extends NotFoundError {
  static override readonly code = "backend_not_found";
}

export class ToolNotFoundError extends NotFoundError {
  static override readonly code = "tool_not_found";
}

export class SessionNotFoundError extends NotFoundError {
  static override readonly code = "session_not_found";
}

export class JobNotFoundError extends NotFoundError {
  static override readonly code = "job_not_found";
}

export class ContextNotFoundError extends NotFoundError {
  static override readonly code = "context_not_found";
}

export class ConflictError extends HostelError {
  static override readonly code = "conflict";
}

/** More than one backend has the tool; `details` have the `candidates`. */
export class ToolAmbiguousError extends HostelError {
  static override readonly code = "tool_ambiguous";
}

/** The worker has a session of this name; `details` have its id as `session`. */
export class SessionExistsError extends HostelError {
  static override readonly code = "session_exists";
}

/** The session ended because a call left its guest in an unknown state. */
export class SessionFailedError extends HostelError {
  static override readonly code = "session_failed";
}

/** The session expired or was released; `details` have the `reason` and `ended_at`. */
export class SessionEndedError extends HostelError {
  static override readonly code = "session_ended";
}

export class PayloadTooLargeError extends HostelError {
  static override readonly code = "payload_too_large";
}

export class BackendInvalidError extends HostelError {
  static override readonly code = "backend_invalid";
}

/** The guest holds what cannot be had twice, an open file or socket. The session goes on. */
export class UnsupportedSnapshotError extends HostelError {
  static override readonly code = "unsupported_snapshot";
}

export class SessionBusyError extends TryLaterError {
  static override readonly code = "session_busy";
}

export class RateLimitedError extends TryLaterError {
  static override readonly code = "rate_limited";
}

export class OverloadedError extends TryLaterError {
  static override readonly code = "overloaded";
}

export class ShuttingDownError extends TryLaterError {
  static override readonly code = "shutting_down";
}

/** The host made a mistake; its log has the cause under `requestId`. */
export class InternalError extends HostelError {
  static override readonly code = "internal";
}

/** The guest crashed. `details` say what became of the session: `session_state`, `rolled_back_to`. */
export class ToolTrappedError extends HostelError {
  static override readonly code = "tool_trapped";
}

/** The guest ran into a limit; `details` name it as `limit`. */
export class LimitExceededError extends HostelError {
  static override readonly code = "limit_exceeded";
}

/** The call took longer than its deadline and was stopped. */
export class DeadlineExceededError extends HostelError {
  static override readonly code = "deadline_exceeded";
}

const CLASSES = [
  InvalidRequestError,
  InvalidParamsError,
  UnauthenticatedError,
  ForbiddenError,
  PolicyDeniedError,
  BackendNotFoundError,
  ToolNotFoundError,
  SessionNotFoundError,
  JobNotFoundError,
  ContextNotFoundError,
  ConflictError,
  ToolAmbiguousError,
  SessionExistsError,
  SessionFailedError,
  SessionEndedError,
  PayloadTooLargeError,
  BackendInvalidError,
  UnsupportedSnapshotError,
  SessionBusyError,
  RateLimitedError,
  OverloadedError,
  ShuttingDownError,
  InternalError,
  ToolTrappedError,
  LimitExceededError,
  DeadlineExceededError,
  JobCancelledError,
];

/** The class of each code that the host has. */
export const ERRORS_BY_CODE: ReadonlyMap<string, typeof HostelError> = new Map(CLASSES.map((kind) => [kind.code, kind]));

/** Reads a problem document (RFC 9457) as the host writes it, alone or in a batch. Its code says its class, unless `kind` does. */
export function fromProblem(document: Record<string, unknown>, retryAfter?: number, kind?: typeof HostelError): HostelError {
  const { type: _type, title: _title, status, code, detail, hint, request_id, ...details } = document;
  const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
  const known = kind ?? ERRORS_BY_CODE.get(String(code)) ?? HostelError;
  return new known(text(detail) ?? "the host gave no reason", {
    code: text(code) ?? "error",
    hint: text(hint),
    status: typeof status === "number" ? status : undefined,
    requestId: text(request_id),
    retryAfter,
    details,
  });
}
