// A session: an instance of a backend of one's own, its calls, and its state in the hand.

import "./dispose.js";
import * as asks from "./asks.js";
import type { CallOptions, Params } from "./asks.js";
import { named, type BatchCall, type BatchOptions, type Keeping } from "./calls.js";
import { NotFoundError, SessionEndedError, SessionFailedError } from "./errors.js";
import type { Job } from "./job.js";
import type { Answer, Batch, Checkpoint, CheckpointMode, Created, Logs, SessionInfo } from "./models.js";

interface Signal {
  signal?: AbortSignal;
}

/**
 * A handle of a session. Calls of one session run one at a time, in order; sessions run side by side.
 *
 * `await using session = await box.session("code")` closes it at the block's end if this program created it.
 */
export class Session implements AsyncDisposable {
  readonly id: string;
  readonly name: string;
  readonly backend: string;
  /** Allows calls on this session alone, to whoever has it. Null if the session was there before. */
  readonly token: string | null;
  readonly #box: Keeping;
  #isOwn: boolean;

  /** Sessions are made by `Sandbox.session` and `Sandbox.attach`. */
  constructor(box: Keeping, created: Created) {
    this.#box = box;
    this.#isOwn = created.isNew;
    this.token = created.token;
    ({ id: this.id, name: this.name, backend: this.backend } = created.info);
  }

  /** True if the session was created here, and is closed with its sandbox. */
  get isOwn(): boolean {
    return this.#isOwn;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isOwn) await this.#box.closeQuietly(this);
    else this.#box.letGo(this);
  }

  /**
   * Calls a tool of the session's backend and waits for its answer.
   *
   * Rejects with `ToolError` if the tool says no, and another `HostelError` if the host does.
   */
  execute<T = unknown>(tool: string, params: Params = {}, options: CallOptions = {}): Promise<Answer<T>> {
    return this.#box.execute<T>(named(tool, this.backend), params, { ...options, session: this.id });
  }

  /** The same, but does not wait: the call is a job of the host's. */
  start<T = unknown>(tool: string, params: Params = {}, options: CallOptions = {}): Promise<Job<T>> {
    return this.#box.start<T>(named(tool, this.backend), params, { ...options, session: this.id });
  }

  /** Several calls in turn, in one request. With `transaction` all of them count or none: the first that fails takes the session back. */
  batch(calls: Iterable<BatchCall>, options: Omit<BatchOptions, "session" | "parallel"> = {}): Promise<Batch> {
    const own = [...calls].map((call) => ({ ...call, tool: named(call.tool, this.backend) }));
    return this.#box.batch(own, { ...options, session: this.id });
  }

  /** Saves the session's state as it is now. It is on disk when this answers. */
  checkpoint(options: { name?: string } & Signal = {}): Promise<Checkpoint> {
    return this.#box.send(asks.checkpoint(this.id, options.name), options.signal);
  }

  /** Oldest first. */
  checkpoints(options: Signal = {}): Promise<Checkpoint[]> {
    return this.#box.send(asks.checkpoints(this.id), options.signal);
  }

  /** Takes the session back to a checkpoint, which may be named by its id or its name. */
  restore(checkpoint: Checkpoint | string, options: Signal = {}): Promise<SessionInfo> {
    const id = typeof checkpoint === "string" ? checkpoint : checkpoint.id;
    return this.#box.send(asks.restore(this.id, id), options.signal);
  }

  /**
   * New sessions (`count`, default 1) that begin where this one is and go their own ways.
   *
   * They are the sandbox's as if it had created each: closed with it. If one of them cannot be made, those that were are closed, and the
   * error is raised. `labels` come over the parent's.
   */
  async fork(count = 1, options: { name?: string; labels?: Record<string, string> } & Signal = {}): Promise<Session[]> {
    const { signal, ...more } = options;
    return this.#box.adoptAll(await this.#box.send(asks.fork(this.id, { count, ...more }), signal));
  }

  /** Parks the session on disk, where it takes no memory. A call wakes it up. To find it there after the block, `detach` it as well. */
  suspend(options: Signal = {}): Promise<SessionInfo> {
    return this.#box.send(asks.suspend(this.id), options.signal);
  }

  /** Wakes the session up without calling it. */
  resume(options: Signal = {}): Promise<SessionInfo> {
    return this.#box.send(asks.resume(this.id), options.signal);
  }

  /** How the session stands now. */
  info(options: Signal = {}): Promise<SessionInfo> {
    return this.#box.send(asks.session(this.id), options.signal);
  }

  /** Puts other `labels` in place of all that it has, or saves its state at other times. */
  change(change: { labels?: Record<string, string>; checkpoint?: CheckpointMode }, options: Signal = {}): Promise<SessionInfo> {
    return this.#box.send(asks.changeSession(this.id, change), options.signal);
  }

  /** What the session's guest has written: at most `limit` lines (default 200, at most 2000) after the number `after`. */
  logs(options: { after?: number; limit?: number } & Signal = {}): Promise<Logs> {
    const { signal, ...query } = options;
    return this.#box.send(asks.logs(this.id, query), signal);
  }

  /** Starts the idle time anew, once. Until the session is closed this goes on by itself in the background. */
  keepAlive(options: Signal = {}): Promise<SessionInfo> {
    return this.#box.send(asks.keepAlive(this.id), options.signal);
  }

  /** Leaves the session to itself: it is neither kept alive nor closed with the sandbox, and lives by its own timers. */
  detach(): this {
    this.#isOwn = false;
    this.#box.letGo(this);
    return this;
  }

  /** Ends the session, whoever created it, and cleans up. Null: it was over already. */
  async close(options: Signal = {}): Promise<SessionInfo | null> {
    this.detach();
    try {
      return await this.#box.send(asks.closeSession(this.id), options.signal);
    } catch (error) {
      const isOver = error instanceof NotFoundError || error instanceof SessionEndedError || error instanceof SessionFailedError;
      if (isOver) return null;
      throw error;
    }
  }
}
