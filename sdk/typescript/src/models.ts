// What a host says, as plain read-only values in the language's spelling. `read.ts` makes them of JSON.
//
// Durations say their unit in the name or are seconds; null is "does not apply". What callers and tools wrote themselves (results, labels,
// schemas, configs) is handed through as it is.

import type { HostelError } from "./errors.js";

/** What a call, or all calls of a session, took. */
export interface Usage {
  readonly durationUs: number;
  /** Microseconds that the call waited for its session; 0 for a session. */
  readonly queueUs: number;
  readonly memoryBytes: number;
  readonly hostCalls: number;
}

/** The session in which a call ran. */
export interface CallSession {
  /** Null for a temporary one, which is gone. */
  readonly id: string | null;
  readonly name: string;
  readonly temporary: boolean;
  /** Counts the calls of the session, from 1. */
  readonly call: number;
}

/** What a tool answered. (A tool's own error is a `ToolError`.) */
export interface Answer<T = unknown> {
  /** The tool's result as JSON; its shape is the tool's `outputSchema`. */
  readonly result: T;
  /** The tool's name, `backend:tool`. */
  readonly action: string;
  readonly requestId: string;
  readonly usage: Usage;
  /** Null for a stateless tool. */
  readonly session: CallSession | null;
  /** The id of the job that the call was, if it was one. */
  readonly job: string | null;
  /** The host had this answer already, from an earlier request with the same idempotency key. */
  readonly replayed: boolean;
}

/** How a call of a batch, or a job, ended: with an answer, with the tool's own error, or with the host's. */
export type Outcome = Answer | HostelError;

/** The outcomes of several calls, in the order in which they were given. */
export interface Batch {
  /** One for each call that was executed: fewer than `total` if one of them failed and the rest was not begun. */
  readonly outcomes: readonly Outcome[];
  readonly total: number;
  readonly executed: number;
  readonly succeeded: number;
  readonly requestId: string;
  /** Of a transaction that failed: the call after which the session stands again. */
  readonly rolledBackTo: { readonly call: number } | null;
}

/** What a tool's author says of it. */
export interface Hints {
  readonly readOnly?: boolean;
  readonly idempotent?: boolean;
  readonly destructive?: boolean;
  readonly openWorld?: boolean;
}

export type JsonSchema = Record<string, unknown>;

export interface Tool {
  /** `backend:tool` */
  readonly name: string;
  readonly backend: string;
  readonly tool: string;
  readonly stateful: boolean;
  readonly title: string | null;
  readonly description: string | null;
  /** JSON Schema 2020-12 of the params. */
  readonly inputSchema: JsonSchema;
  readonly outputSchema: JsonSchema | null;
  readonly hints: Hints;
}

/** How far a backend is with its warmup. */
export interface Warmth {
  readonly state: "cold" | "warming" | "warm" | "failed";
  readonly at: Date | null;
  readonly tookMs: number | null;
  /** How sessions start: `from` an `image`, a `cached_image`, `plain`, or `without_image` and the `reason`. */
  readonly start: Record<string, unknown> | null;
  /** What went wrong, if the warmup failed. */
  readonly error: HostelError | null;
}

export interface Warmup {
  /** Every backend that was asked for is warm. */
  readonly warm: boolean;
  readonly backends: Readonly<Record<string, Warmth>>;
  readonly requestId: string;
}

export interface Backend {
  readonly name: string;
  readonly digest: string;
  readonly bytes: number;
  /** The component's file, or `uploaded`. */
  readonly origin: string;
  readonly loadedAt: Date;
  readonly description: string | null;
  readonly stateful: boolean;
  readonly tools: readonly string[];
  /** JSON Schema of what `config` of a session can say. */
  readonly configSchema: JsonSchema | null;
  readonly imports: readonly string[];
  readonly grants: Record<string, unknown>;
  readonly warnings: readonly string[];
  readonly warmth: Warmth;
  /** Those of all workers that are open. */
  readonly sessions: number;
}

export type SessionState = "starting" | "active" | "idle" | "suspended" | "archived" | "released" | "failed";
export type CheckpointMode = "call" | "manual" | "off";
export type OnIdle = "release" | "suspend";

export interface SessionInfo {
  readonly id: string;
  readonly backend: string;
  readonly name: string;
  readonly workerId: string;
  readonly state: SessionState;
  /** Why it ended. */
  readonly reason: string | null;
  readonly message: string | null;
  readonly createdAt: Date;
  readonly lastTransitionAt: Date;
  /** Null: not by itself. */
  readonly expiresAt: Date | null;
  /** Seconds without a call or a keep-alive after which it ends, or is suspended. Null: never. */
  readonly idleTimeout: number | null;
  /** Seconds. Null: no limit. */
  readonly maxLifetime: number | null;
  readonly onIdle: OnIdle;
  readonly labels: Readonly<Record<string, string>>;
  readonly backendDigest: string;
  readonly calls: number;
  /** Calls that wait for their turn. */
  readonly waiting: number;
  readonly usage: Usage;
  /** When its state is saved: before every `call`, `manual`ly, or it is `off`. */
  readonly checkpoint: CheckpointMode;
  readonly checkpoints: { readonly count: number; readonly bytes: number };
  readonly forkedFrom: Record<string, unknown> | null;
  /** Of one that was closed: `clean`, or what went wrong in its cleanup. */
  readonly cleanup: string | null;
}

export interface Checkpoint {
  /** `c1`, `c2` and so on within the session. */
  readonly id: string;
  readonly name: string | null;
  readonly createdAt: Date;
  /** Calls that the session had had. */
  readonly call: number;
  readonly bytes: number;
}

export interface LogLine {
  readonly seq: number;
  readonly at: Date;
  /** `stdout`, `stderr`, `progress`, or the level of a log line. */
  readonly source: string;
  readonly text: string;
  readonly fields: Readonly<Record<string, string>>;
}

export interface Logs {
  readonly lines: readonly LogLine[];
  /** Older lines that the session's ring has lost. */
  readonly dropped: number;
  /** `after` of the next page. */
  readonly next: number;
}

export interface Progress {
  readonly done: number;
  readonly total: number | null;
  readonly message: string | null;
}

export type JobState = "queued" | "running" | "succeeded" | "failed" | "cancelled";

export interface JobInfo {
  readonly id: string;
  readonly action: string;
  /** A tool's own error is a success of the host. */
  readonly state: JobState;
  /** It has come to its end, whichever. */
  readonly done: boolean;
  readonly worker: string;
  readonly session: { readonly id: string | null; readonly name: string } | null;
  readonly createdAt: Date;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
  readonly progress: Progress | null;
  /** The number of the last event. */
  readonly events: number;
  readonly cancelRequested: boolean;
  /** It succeeded, and its answer was too large or too old to be kept. */
  readonly answerDropped: boolean;
  /** How it ended. Null while it runs, in lists, and when its answer was dropped. */
  readonly outcome: Outcome | null;
}

interface Numbered {
  /** Counts from 1 within the job. */
  readonly id: number;
  /** Null for `dropped`: nobody knows when. */
  readonly at: Date | null;
}

/** Something that happened to a job. `result`, `error` or `cancelled` is the last. */
export type JobEvent = Numbered &
  (
    | { readonly type: "queued" | "started" }
    | ({ readonly type: "progress" } & Progress)
    /** `partial`: a part of the result. */
    | { readonly type: "stdout" | "stderr" | "partial"; readonly text: string }
    | { readonly type: "log"; readonly level: string; readonly message: string; readonly fields: Record<string, unknown> }
    /** Events that the host's log could not keep. */
    | { readonly type: "dropped"; readonly count: number }
    | { readonly type: "result" | "error" | "cancelled"; readonly outcome: Outcome }
  );

/** Whether a job has come to its end with this event. */
export function isLast(event: JobEvent): boolean {
  return event.type === "result" || event.type === "error" || event.type === "cancelled";
}

/** A session, its token if it is new, and whether it is new. */
export interface Created {
  readonly info: SessionInfo;
  readonly token: string | null;
  readonly isNew: boolean;
}
