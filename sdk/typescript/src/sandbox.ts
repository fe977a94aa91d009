// A connection to a host: its tools, calls, sessions and jobs, and the care for the sessions that were created through it.

import "./dispose.js";
import * as asks from "./asks.js";
import type { Ask, Call, CallOptions, Page, Params } from "./asks.js";
import { idOf, placed, type BatchCall, type BatchOptions, type Keeping, type Placed } from "./calls.js";
import { HostelError, HostUnreachableError, NoAnswerError } from "./errors.js";
import { Job } from "./job.js";
import { Keeper } from "./keeper.js";
import type { Answer, Backend, Batch, CheckpointMode, Created, JobInfo, JobState, OnIdle, SessionInfo, SessionState, Tool, Warmup } from "./models.js";
import { Session } from "./session.js";
import { checkedKey, checkedTimeout, settings, type SandboxOptions, type Settings } from "./settings.js";
import { Transport } from "./transport.js";

const WARMUP_TIMEOUT_MS = 300_000;
/** Milliseconds that a keep-alive may take. */
const PATIENCE_MS = 10_000;

export interface SessionOptions {
  /** Unique for the worker and the backend. Default: one that nobody has; with `ifExists: "return"` the name `default`. */
  name?: string;
  /** As the backend's `configSchema` says, over what the operator set. */
  config?: object;
  /** At most 64, to find sessions by. */
  labels?: Record<string, string>;
  /** Seconds without a call or a keep-alive; 0: never ends by itself. Default: the host's, 300 unless set otherwise. */
  idleTimeout?: number;
  /** Seconds; 0: no limit. Default: the host's, 1800 unless set otherwise. */
  maxLifetime?: number;
  /** Tighter than the backend's. */
  limits?: { callMs?: number; cpuMs?: number; memoryBytes?: number; resultBytes?: number; workspaceBytes?: number; workspaceFiles?: number; queue?: number };
  /** `call` saves the state before every call, so that one which traps or takes too long costs nothing. Default `manual`. */
  checkpoint?: CheckpointMode;
  /** `suspend` parks it on disk when it is idle, in place of ending it; it is not kept alive then. Default: the host's. */
  onIdle?: OnIdle;
  /** Seconds after which a suspended session is archived; 0: never. Default: the host's. */
  archiveAfter?: number;
  /** `return` takes the session of that name if there is one. It is then not closed with the sandbox. Default `error`. */
  ifExists?: "error" | "return";
  signal?: AbortSignal;
}

/**
 * A host as a program uses it.
 *
 * Sessions that are created through it are kept alive in the background until they are closed. `await using box = new Sandbox()` closes
 * them at the block's end: these and no others. Nothing is sent until the first call.
 */
export class Sandbox implements AsyncDisposable {
  readonly #settings: Settings;
  readonly #transport: Transport;
  readonly #keeper: Keeper;
  readonly #own = new Map<string, Session>();
  readonly #keeping: Keeping;

  constructor(options: SandboxOptions = {}) {
    this.#settings = settings(options);
    this.#transport = new Transport(this.#settings);
    this.#keeper = new Keeper((id) => this.#transport.send({ ...asks.keepAlive(id), patienceMs: PATIENCE_MS, isRepeatable: false }));
    this.#keeping = {
      send: (ask, signal) => this.#transport.send(ask, signal),
      execute: (tool, params, options) => this.execute(tool, params, options),
      start: (tool, params, options) => this.start(tool, params, options),
      batch: (calls, options) => this.batch(calls, options),
      adoptAll: (created) => this.#adoptAll(created),
      letGo: (session) => this.#letGo(session),
      closeQuietly: (session) => this.#closeQuietly(session),
    };
  }

  get baseUrl(): string {
    return this.#settings.baseUrl;
  }

  /** Null: the host's `default`, or the one that the token says. */
  get workerId(): string | null {
    return this.#settings.workerId;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Closes the sessions that were created through this sandbox. It cannot be used afterwards. */
  async close(): Promise<void> {
    for (const session of [...this.#own.values()]) if (!(await this.#closeQuietly(session))) break;
    this.#own.clear();
    this.#keeper.stop();
    this.#transport.close();
  }

  // What there is.

  /** Whether the host takes calls, and how much it has of what. Rejects with `ShuttingDownError` if it does not. */
  ready(options: { signal?: AbortSignal } = {}): Promise<Record<string, unknown>> {
    return this.#transport.send(asks.ready(), options.signal);
  }

  /** All tools, or those of one backend. */
  tools(options: { backend?: string; signal?: AbortSignal } = {}): Promise<Tool[]> {
    return this.#transport.send(asks.tools(options.backend), options.signal);
  }

  /** The tool that a call of this name would reach. */
  tool(name: string, options: { signal?: AbortSignal } = {}): Promise<Tool> {
    return this.#transport.send(asks.tool(name), options.signal);
  }

  backends(options: { signal?: AbortSignal } = {}): Promise<Backend[]> {
    return this.#transport.send(asks.backends(), options.signal);
  }

  backend(name: string, options: { signal?: AbortSignal } = {}): Promise<Backend> {
    return this.#transport.send(asks.backend(name), options.signal);
  }

  /**
   * Warms backends up, all if none are named, and waits for them at most `timeoutMs` (default 300,000). What is warm stays so, unless
   * `refresh`.
   *
   * A backend that cannot be warmed up rejects nothing here: `warm` is false, and its `Warmth` says why.
   */
  warmup(options: { backends?: readonly string[]; refresh?: boolean; timeoutMs?: number; signal?: AbortSignal } = {}): Promise<Warmup> {
    const ask = asks.warmup(options.backends, options.refresh ?? false, checkedTimeout(options.timeoutMs ?? WARMUP_TIMEOUT_MS));
    return this.#transport.send(ask, options.signal);
  }

  // Calls.

  /**
   * Calls `backend:tool` and waits for its answer.
   *
   * Rejects with `ToolError` if the tool says no, and another `HostelError` if the host does.
   */
  execute<T = unknown>(tool: string, params: Params = {}, options: CallOptions & Placed = {}): Promise<Answer<T>> {
    return this.#transport.send(asks.execute(this.#call(tool, params, options)), options.signal) as Promise<Answer<T>>;
  }

  /**
   * The same, but does not wait: the call is a job of the host's, which has events and a result, and can be cancelled.
   *
   * Without an `idempotencyKey` it is given one, so a start whose answer was lost is repeated and never runs twice.
   */
  async start<T = unknown>(tool: string, params: Params = {}, options: CallOptions & Placed = {}): Promise<Job<T>> {
    const idempotencyKey = options.idempotencyKey ?? randomName(16);
    const info = await this.#transport.send(asks.start(this.#call(tool, params, { ...options, idempotencyKey })), options.signal);
    return new Job<T>(this.#transport, info.id);
  }

  /** Up to 100 calls in one request, in turn or side by side. Nothing is thrown for a call that fails: see `outcomes`. */
  batch(calls: Iterable<BatchCall>, options: BatchOptions = {}): Promise<Batch> {
    const call = (each: BatchCall): Call => this.#call(each.tool, each.params ?? {}, { ...placed(options), ...placed(each) });
    const order = {
      parallel: options.parallel ?? false,
      stopOnError: options.stopOnError ?? true,
      transaction: options.transaction ?? false,
    };
    return this.#transport.send(asks.batch([...calls].map(call), order), options.signal);
  }

  // Sessions.

  /** Creates a session of a backend. */
  async session(backend: string, options: SessionOptions = {}): Promise<Session> {
    const { limits } = options;
    const body = {
      backend,
      name: options.name ?? (options.ifExists === "return" ? undefined : `ts-${randomName(4)}`),
      config: options.config,
      labels: options.labels,
      idle_timeout: options.idleTimeout,
      max_lifetime: options.maxLifetime,
      limits: limits && {
        call_ms: limits.callMs,
        cpu_ms: limits.cpuMs,
        memory_bytes: limits.memoryBytes,
        result_bytes: limits.resultBytes,
        workspace_bytes: limits.workspaceBytes,
        workspace_files: limits.workspaceFiles,
        queue: limits.queue,
      },
      checkpoint: options.checkpoint,
      on_idle: options.onIdle,
      archive_after: options.archiveAfter,
      if_exists: options.ifExists,
    };
    return this.#adopt(await this.#transport.send(asks.create(body), options.signal));
  }

  /** A handle of a session that is there already. It is neither kept alive nor closed with the sandbox. */
  async attach(id: string, options: { signal?: AbortSignal } = {}): Promise<Session> {
    const info = await this.#transport.send(asks.session(id), options.signal);
    return new Session(this.#keeping, { info, token: null, isNew: false });
  }

  /** Sessions that are open, the newest first, page by page. `worker`: of another one; `*` for all. */
  sessions(
    options: { backend?: string; state?: SessionState; labels?: Record<string, string>; worker?: string; signal?: AbortSignal } = {},
  ): AsyncGenerator<SessionInfo, void, undefined> {
    const { signal, labels, ...query } = options;
    const said = { ...query, labels: asks.labelQuery(labels) };
    return this.#pages((cursor) => asks.sessions({ ...said, cursor }), signal);
  }

  // Jobs.

  /** A handle of a job that was started before, here or elsewhere. Nothing is asked yet. */
  job<T = unknown>(id: string): Job<T> {
    return new Job<T>(this.#transport, id);
  }

  /** The worker's jobs, the newest first, without their answers, page by page. */
  jobs(options: { state?: JobState; session?: Session | string; signal?: AbortSignal } = {}): AsyncGenerator<JobInfo, void, undefined> {
    const query = { state: options.state, session: idOf(options.session) };
    return this.#pages((cursor) => asks.jobs({ ...query, cursor }), options.signal);
  }

  #call(action: string, params: Params, options: CallOptions & Placed): Call {
    return {
      action,
      params,
      session: options.temporary === true ? { temporary: true } : idOf(options.session),
      timeoutMs: checkedTimeout(options.timeoutMs ?? this.#settings.timeoutMs),
      idempotencyKey: options.idempotencyKey === undefined ? undefined : checkedKey(options.idempotencyKey),
    };
  }

  async *#pages<T>(ask: (cursor?: string) => Ask<Page<T>>, signal?: AbortSignal): AsyncGenerator<T, void, undefined> {
    let cursor: string | undefined;
    do {
      const page = await this.#transport.send(ask(cursor), signal);
      yield* page.items;
      cursor = page.next;
    } while (cursor !== undefined);
  }

  #adopt(created: Created): Session {
    const session = new Session(this.#keeping, created);
    if (session.isOwn) this.#own.set(session.id, session);
    const { idleTimeout, onIdle } = created.info;
    // One that would end otherwise. One that is to be parked when it is idle is not disturbed.
    if (this.#settings.keepAlive && idleTimeout !== null && onIdle === "release") this.#keeper.add(session.id, idleTimeout);
    return session;
  }

  async #adoptAll(created: readonly (Created | HostelError)[]): Promise<Session[]> {
    const failure = created.find((each) => each instanceof HostelError);
    const sessions = created.flatMap((each) => (each instanceof HostelError ? [] : [this.#adopt(each)]));
    if (failure === undefined) return sessions;
    for (const session of sessions) await this.#closeQuietly(session);
    throw failure;
  }

  #letGo(session: Session): void {
    this.#keeper.remove(session.id);
    this.#own.delete(session.id);
  }

  /** At the end of a block, where an error must not hide the one that ended it. False: the host is gone, and sessions end by their own timers. */
  async #closeQuietly(session: Session): Promise<boolean> {
    try {
      await session.close();
      return true;
    } catch (error) {
      return error instanceof HostelError && !(error instanceof HostUnreachableError || error instanceof NoAnswerError);
    }
  }
}

/** In hexadecimal digits. `crypto.randomUUID` is not everywhere: pages without TLS do not have it. */
function randomName(bytes: number): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
