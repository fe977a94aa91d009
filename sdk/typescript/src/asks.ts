// Every request that the client makes, as a value: what is sent, how the answer is read, and whether it may be sent twice.
//
// This is the host's HTTP contract as the client knows it, in one place and without I/O.

import { fromProblem, type HostelError } from "./errors.js";
import type { Answer, Backend, Batch, Checkpoint, Created, JobInfo, Logs, SessionInfo, Tool, Warmup } from "./models.js";
import * as reading from "./read.js";

/** Milliseconds that the client waits longer than the host may take: it is the host who stops a call, and knows the session's state then. */
export const GRACE_MS = 10_000;

/** Milliseconds that closing a session may take: the host gives its cleanup less. */
const CLOSE_PATIENCE_MS = 15_000;

/** What came back, with its JSON read. */
export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

export interface Ask<T> {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  readonly path: string;
  readonly read: (reply: Reply) => T;
  readonly query?: Query;
  readonly body?: string;
  readonly headers?: Record<string, string>;
  /** Milliseconds that the answer may take. Default: the sandbox's timeout and some grace. */
  readonly patienceMs?: number;
  /** To send it twice is as good as once, so it is sent again when its answer was lost. */
  readonly isRepeatable?: boolean;
}

type Query = Record<string, string | number | undefined>;

/** Params of a call: an object that has a form in JSON. `Uint8Array`s are sent as base64 and bigints as decimal strings. */
export type Params = object;

/** What a call says besides its params. */
export interface CallOptions {
  /** Milliseconds after which the host stops the call. Default: the sandbox's. */
  timeoutMs?: number;
  /** Makes the call safe to repeat; it is then repeated when its answer was lost. */
  idempotencyKey?: string;
  /** Stops waiting. The call itself runs on: to stop it, `start` a job and cancel that. */
  signal?: AbortSignal;
}

/** What is asked of one call, with everything said. */
export interface Call {
  readonly action: string;
  readonly params: Params;
  /** An id, a name or a temporary one; undefined: the worker's default, or a temporary one. */
  readonly session?: string | { temporary: true } | undefined;
  readonly timeoutMs: number;
  readonly idempotencyKey?: string | undefined;
}

export function encode(body: unknown): string {
  return JSON.stringify(body, (_, value: unknown) => {
    if (typeof value === "bigint") return value.toString();
    return value instanceof Uint8Array ? base64(value) : value;
  });
}

function base64(bytes: Uint8Array): string {
  const pieces: string[] = [];
  // A call takes only so many arguments.
  for (let from = 0; from < bytes.length; from += 0x8000) pieces.push(String.fromCharCode(...bytes.subarray(from, from + 0x8000)));
  return btoa(pieces.join(""));
}

// Tools and backends.

export function tools(backend?: string): Ask<Tool[]> {
  return get("/v1/tools", (reply) => reading.list(member(reply, "tools"), "tools").map(reading.tool), { backend });
}

export function tool(name: string): Ask<Tool> {
  return get(`/v1/tools/${encodeURIComponent(name)}`, (reply) => reading.tool(reply.body));
}

export function backends(): Ask<Backend[]> {
  return get("/v1/backends", (reply) => reading.list(member(reply, "backends"), "backends").map(reading.backend));
}

export function backend(name: string): Ask<Backend> {
  return get(`/v1/backends/${encodeURIComponent(name)}`, (reply) => reading.backend(reply.body));
}

export function warmup(names: readonly string[] | undefined, refresh: boolean, patienceMs: number): Ask<Warmup> {
  const ask = post("/v1/warmup", { backends: names, refresh }, (reply) => reading.warmup(reply.body));
  // To warm up what is warm does nothing.
  return { ...ask, patienceMs, isRepeatable: !refresh };
}

export function ready(): Ask<Record<string, unknown>> {
  return get("/readyz", (reply) => (reading.isBody(reply.body) ? reply.body : {}));
}

// Calls.

export function execute(call: Call): Ask<Answer> {
  const read = (reply: Reply): Answer => {
    // A call of an idempotency key that is done, and whose answer is no longer kept.
    if (reply.status === 202) return reading.jobResult(readJobMember(reply));
    return reading.answered(reading.outcome(reply.body, reply.headers.get("idempotency-replayed") === "true"));
  };
  return callAsk(call, {}, read);
}

export function start(call: Call): Ask<JobInfo> {
  return callAsk(call, { wait: false }, readJobMember);
}

function callAsk<T>(call: Call, more: Params, read: (reply: Reply) => T): Ask<T> {
  const ask = post("/v1/execute", { ...written(call), ...more }, read);
  const key = call.idempotencyKey;
  return {
    ...ask,
    patienceMs: call.timeoutMs + GRACE_MS,
    headers: key === undefined ? {} : { "idempotency-key": key },
    // With a key the host knows the second one for the first. Without it, the call may have run.
    isRepeatable: key !== undefined,
  };
}

function written(call: Call): Params {
  return { action: call.action, params: call.params, session: call.session, timeout_ms: Math.max(1, Math.ceil(call.timeoutMs)) };
}

export interface BatchOrder {
  readonly parallel: boolean;
  readonly stopOnError: boolean;
  readonly transaction: boolean;
}

export function batch(calls: readonly Call[], order: BatchOrder): Ask<Batch> {
  const times = calls.map((call) => call.timeoutMs);
  const patienceMs = GRACE_MS + (order.parallel ? Math.max(0, ...times) : times.reduce((sum, time) => sum + time, 0));
  const body = {
    calls: calls.map(written),
    parallel: order.parallel,
    stop_on_error: order.stopOnError,
    transaction: order.transaction,
  };
  return { ...post("/v1/execute/batch", body, (reply) => reading.batch(reply.body)), patienceMs };
}

// Sessions.

export function create(body: Params): Ask<Created> {
  return post("/v1/sessions", body, (reply) => reading.created(reply.body, reply.status === 201));
}

export interface Page<T> {
  readonly items: T[];
  readonly next: string | undefined;
}

export function sessions(query: Query): Ask<Page<SessionInfo>> {
  return get("/v1/sessions", (reply) => page(reply, "sessions", reading.sessionInfo), query);
}

/** `key=value,key=value`, which not every label can be written as. */
export function labelQuery(labels: Record<string, string> | undefined): string | undefined {
  const pairs = Object.entries(labels ?? {});
  const odd = pairs.find(([key, value]) => `${key}${value}`.includes(",") || key.includes("="));
  if (odd !== undefined) throw new TypeError(`sessions cannot be found by the label ${odd.join(" = ")}: it has a comma, or its key has a =`);
  return pairs.length > 0 ? pairs.map(([key, value]) => `${key}=${value}`).join(",") : undefined;
}

export function session(id: string): Ask<SessionInfo> {
  return get(of(id), readSession);
}

export function changeSession(id: string, change: Params): Ask<SessionInfo> {
  return { ...post(of(id), change, readSession), method: "PATCH", isRepeatable: true };
}

export function keepAlive(id: string): Ask<SessionInfo> {
  return { ...post(of(id, "keep-alive"), {}, readSession), isRepeatable: true };
}

export function closeSession(id: string): Ask<SessionInfo> {
  return { method: "DELETE", path: of(id), read: readSession, patienceMs: CLOSE_PATIENCE_MS };
}

export function checkpoint(id: string, name?: string): Ask<Checkpoint> {
  return post(of(id, "checkpoints"), { name }, (reply) => reading.checkpoint(reply.body));
}

export function checkpoints(id: string): Ask<Checkpoint[]> {
  return get(of(id, "checkpoints"), (reply) => reading.list(member(reply, "checkpoints"), "checkpoints").map(reading.checkpoint));
}

export function restore(id: string, checkpoint: string): Ask<SessionInfo> {
  return post(of(id, "restore"), { checkpoint }, readSession);
}

export function fork(id: string, body: Params): Ask<(Created | HostelError)[]> {
  const read = (fork: unknown): Created | HostelError =>
    reading.isBody(fork) && !("id" in fork) ? fromProblem(fork) : reading.created(fork, true);
  return post(of(id, "fork"), body, (reply) => reading.list(member(reply, "forks"), "forks").map(read));
}

export function suspend(id: string): Ask<SessionInfo> {
  return { ...post(of(id, "suspend"), {}, readSession), isRepeatable: true };
}

export function resume(id: string): Ask<SessionInfo> {
  return { ...post(of(id, "resume"), {}, readSession), isRepeatable: true };
}

export function logs(id: string, query: Query): Ask<Logs> {
  return get(of(id, "logs"), (reply) => reading.logs(reply.body), query);
}

// Jobs.

export function job(id: string, waitMs = 0): Ask<JobInfo> {
  const ask = get(ofJob(id), readJob, waitMs > 0 ? { wait_ms: waitMs } : {});
  return waitMs > 0 ? { ...ask, patienceMs: waitMs + GRACE_MS } : ask;
}

export function jobs(query: Query): Ask<Page<JobInfo>> {
  return get("/v1/jobs", (reply) => page(reply, "jobs", reading.jobInfo), query);
}

export function cancelJob(id: string): Ask<JobInfo> {
  return { ...post(ofJob(id, "cancel"), {}, readJob), isRepeatable: true };
}

export function forgetJob(id: string): Ask<void> {
  return { method: "DELETE", path: ofJob(id), read: () => undefined };
}

/** A stream: its events are read one by one. */
export function events(id: string, after: number): Ask<void> {
  const headers = { accept: "text/event-stream", ...(after > 0 ? { "last-event-id": String(after) } : {}) };
  return { method: "GET", path: ofJob(id, "events"), read: () => undefined, headers };
}

// The pieces.

function get<T>(path: string, read: (reply: Reply) => T, query: Query = {}): Ask<T> {
  return { method: "GET", path, read, query, isRepeatable: true };
}

/** Members that are undefined are left out. */
function post<T>(path: string, body: Params, read: (reply: Reply) => T): Ask<T> {
  return { method: "POST", path, read, body: encode(body) };
}

function member(reply: Reply, name: string): unknown {
  return reading.isBody(reply.body) ? reply.body[name] : undefined;
}

function page<T>(reply: Reply, name: string, read: (value: unknown) => T): Page<T> {
  return { items: reading.list(member(reply, name), name).map(read), next: (member(reply, "next_cursor") ?? undefined) as string | undefined };
}

function readSession(reply: Reply): SessionInfo {
  return reading.sessionInfo(reply.body);
}

function readJob(reply: Reply): JobInfo {
  return reading.jobInfo(reply.body);
}

function readJobMember(reply: Reply): JobInfo {
  return reading.jobInfo(member(reply, "job"));
}

function of(id: string, verb?: string): string {
  return `/v1/sessions/${encodeURIComponent(id)}${verb === undefined ? "" : `/${verb}`}`;
}

function ofJob(id: string, verb?: string): string {
  return `/v1/jobs/${encodeURIComponent(id)}${verb === undefined ? "" : `/${verb}`}`;
}
