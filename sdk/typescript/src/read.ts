// Reads what a host says, JSON in the host's spelling, as the values of `models.ts`. Members that it does not know are passed over.

import { AnswerDroppedError, type Denial, fromProblem, HostelError, JobCancelledError, ToolError, UnexpectedAnswerError } from "./errors.js";
import type {
  Answer,
  Backend,
  Batch,
  CallSession,
  Checkpoint,
  Created,
  Hints,
  JobEvent,
  JobInfo,
  JobState,
  LogLine,
  Logs,
  Outcome,
  Progress,
  SessionInfo,
  Tool,
  Usage,
  Warmth,
  Warmup,
} from "./models.js";

/** An object of JSON. */
export type Body = Record<string, unknown>;

export function isBody(value: unknown): value is Body {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function body(value: unknown, what: string): Body {
  if (!isBody(value)) throw new UnexpectedAnswerError(`the host's ${what} is ${JSON.stringify(value)}, not an object`);
  return value;
}

export function list(value: unknown, what: string): unknown[] {
  if (!Array.isArray(value)) throw new UnexpectedAnswerError(`the host's ${what} are ${JSON.stringify(value)}, not a list`);
  return value;
}

/** What is not there is null. The host is taken at its word for the type. */
function member<T>(from: Body, name: string): T {
  return (from[name] ?? null) as T;
}

function date(value: unknown): Date {
  return new Date(value as string);
}

function dateOrNull(value: unknown): Date | null {
  return value === null || value === undefined ? null : date(value);
}

function usage(value: unknown): Usage {
  const from = body(value, "usage");
  return {
    durationUs: member(from, "duration_us"),
    queueUs: (from["queue_us"] as number | undefined) ?? 0,
    memoryBytes: member(from, "memory_bytes"),
    hostCalls: member(from, "host_calls"),
  };
}

/** Reads an envelope, or the problem document that stands in its place. */
export function outcome(value: unknown, replayed = false): Outcome {
  const from = body(value, "answer");
  if (!("is_error" in from)) return fromProblem(from);
  const session = member<CallSession | null>(from, "session");
  const action = String(from["action"]);
  const requestId = String(from["request_id"]);
  if (from["is_error"] === true) {
    const denied = member<Denial[] | null>(from, "denied") ?? [];
    return new ToolError(from["error"], action, usage(from["usage"]), session, requestId, denied);
  }
  return { result: member(from, "result"), action, requestId, usage: usage(from["usage"]), session, job: member(from, "job"), replayed };
}

/** The answer, or the error as an exception. */
export function answered(ended: Outcome): Answer {
  if (ended instanceof HostelError) throw ended;
  return ended;
}

export function batch(value: unknown): Batch {
  const from = body(value, "batch");
  return {
    outcomes: list(from["results"], "results").map((each) => outcome(each)),
    total: member(from, "total"),
    executed: member(from, "executed"),
    succeeded: member(from, "succeeded"),
    requestId: String(from["request_id"]),
    rolledBackTo: member(from, "rolled_back_to"),
  };
}

export function tool(value: unknown): Tool {
  const from = body(value, "tool");
  const hints = isBody(from["hints"]) ? from["hints"] : {};
  const said = (name: string, theirs: string): Hints => (typeof hints[theirs] === "boolean" ? { [name]: hints[theirs] } : {});
  return {
    name: member(from, "name"),
    backend: member(from, "backend"),
    tool: member(from, "tool"),
    stateful: member(from, "stateful"),
    title: member(from, "title"),
    description: member(from, "description"),
    inputSchema: member(from, "input_schema"),
    outputSchema: member(from, "output_schema"),
    hints: {
      ...said("readOnly", "read_only"),
      ...said("idempotent", "idempotent"),
      ...said("destructive", "destructive"),
      ...said("openWorld", "open_world"),
    },
  };
}

function warmth(value: unknown): Warmth {
  const from = body(value, "warmth");
  // In the answer to a warmup the failure is a problem document, and elsewhere its code and message.
  const failure = isBody(from["error"]) ? from["error"] : { code: from["code"], detail: from["message"] };
  return {
    state: member(from, "state"),
    at: dateOrNull(from["at"]),
    tookMs: member(from, "took_ms"),
    start: member(from, "start"),
    error: from["state"] === "failed" ? fromProblem(failure) : null,
  };
}

export function warmup(value: unknown): Warmup {
  const from = body(value, "warmup");
  const backends = Object.entries(body(from["backends"], "backends")).map(([name, each]) => [name, warmth(each)] as const);
  return { warm: member(from, "warm"), backends: Object.fromEntries(backends), requestId: String(from["request_id"]) };
}

export function backend(value: unknown): Backend {
  const from = body(value, "backend");
  return {
    name: member(from, "name"),
    digest: member(from, "digest"),
    bytes: member(from, "bytes"),
    origin: member(from, "origin"),
    loadedAt: date(from["loaded_at"]),
    description: member(from, "description"),
    stateful: member(from, "stateful"),
    tools: member(from, "tools"),
    configSchema: member(from, "config_schema"),
    imports: member(from, "imports"),
    grants: member(from, "grants"),
    warnings: member(from, "warnings"),
    warmth: warmth(from["warmth"]),
    sessions: member(from, "sessions"),
  };
}

export function sessionInfo(value: unknown): SessionInfo {
  const from = body(value, "session");
  return {
    id: member(from, "id"),
    backend: member(from, "backend"),
    name: member(from, "name"),
    workerId: member(from, "worker_id"),
    state: member(from, "state"),
    reason: member(from, "reason"),
    message: member(from, "message"),
    createdAt: date(from["created_at"]),
    lastTransitionAt: date(from["last_transition_at"]),
    expiresAt: dateOrNull(from["expires_at"]),
    idleTimeout: member(from, "idle_timeout"),
    maxLifetime: member(from, "max_lifetime"),
    onIdle: member(from, "on_idle"),
    labels: member(from, "labels"),
    backendDigest: member(from, "backend_digest"),
    calls: member(from, "calls"),
    waiting: member(from, "waiting"),
    usage: usage(from["usage"]),
    checkpoint: member(from, "checkpoint"),
    checkpoints: member(from, "checkpoints"),
    forkedFrom: member(from, "forked_from"),
    cleanup: member(from, "cleanup"),
  };
}

export function created(value: unknown, isNew: boolean): Created {
  return { info: sessionInfo(value), token: member(body(value, "session"), "token"), isNew };
}

export function checkpoint(value: unknown): Checkpoint {
  const from = body(value, "checkpoint");
  return {
    id: member(from, "id"),
    name: member(from, "name"),
    createdAt: date(from["created_at"]),
    call: member(from, "call"),
    bytes: member(from, "bytes"),
  };
}

export function logs(value: unknown): Logs {
  const from = body(value, "logs");
  const line = (each: unknown): LogLine => {
    const line = body(each, "log line");
    return {
      seq: member(line, "seq"),
      at: date(line["at"]),
      source: member(line, "source"),
      text: member(line, "text"),
      fields: (line["fields"] as Record<string, string> | undefined) ?? {},
    };
  };
  return { lines: list(from["lines"], "lines").map(line), dropped: member(from, "dropped"), next: member(from, "next") };
}

function progress(from: Body): Progress {
  return { done: member(from, "done"), total: member(from, "total"), message: member(from, "message") };
}

function ended(from: Body, how: unknown): Outcome | null {
  if (isBody(from["answer"])) return outcome(from["answer"]);
  if (isBody(from["error"])) return fromProblem(from["error"], undefined, how === "cancelled" ? JobCancelledError : undefined);
  return null;
}

export function jobInfo(value: unknown): JobInfo {
  const from = body(value, "job");
  const state = member<JobState>(from, "state");
  return {
    id: member(from, "id"),
    action: member(from, "action"),
    state,
    done: state !== "queued" && state !== "running",
    worker: member(from, "worker"),
    session: member(from, "session"),
    createdAt: date(from["created_at"]),
    startedAt: dateOrNull(from["started_at"]),
    finishedAt: dateOrNull(from["finished_at"]),
    progress: isBody(from["progress"]) ? progress(from["progress"]) : null,
    events: member(from, "events"),
    cancelRequested: from["cancel_requested"] === true,
    answerDropped: from["answer_dropped"] === true,
    outcome: ended(from, state),
  };
}

/** The answer of a job that is done, or its error as an exception. */
export function jobResult(info: JobInfo): Answer {
  if (info.outcome !== null) return answered(info.outcome);
  throw new AnswerDroppedError(`the answer of job ${info.id} is not kept any more`, {
    hint: "read it sooner, or ask the tool for less at once",
  });
}

export function jobEvent(value: unknown): JobEvent {
  const from = body(value, "event");
  const numbered = { id: member<number>(from, "id"), at: dateOrNull(from["at"]) };
  const type = member<JobEvent["type"]>(from, "type");
  switch (type) {
    case "progress":
      return { ...numbered, type, ...progress(from) };
    case "stdout":
    case "stderr":
    case "partial":
      return { ...numbered, type, text: member(from, "text") };
    case "log":
      return { ...numbered, type, level: member(from, "level"), message: member(from, "message"), fields: (from["fields"] as Body | undefined) ?? {} };
    case "dropped":
      return { ...numbered, type, count: member(from, "count") };
    case "result":
    case "error":
    case "cancelled":
      return { ...numbered, type, outcome: ended(from, type) ?? new AnswerDroppedError("the answer is not kept any more") };
    default:
      return { ...numbered, type };
  }
}
