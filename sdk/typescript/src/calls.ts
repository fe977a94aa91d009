// How calls are written by the program: where they run, alone and in batches, and what sessions ask of the sandbox that sends them.

import type { Ask, CallOptions, Params } from "./asks.js";
import type { HostelError } from "./errors.js";
import type { Job } from "./job.js";
import type { Answer, Batch, Created } from "./models.js";
import type { Session } from "./session.js";

/** Where a stateful tool runs. */
export interface Placed {
  /** A session, its id or its name. Default: the worker's session named `default` if there is one, or else a temporary one. */
  session?: Session | string;
  /** In a temporary session in any case, which lasts for the call. */
  temporary?: boolean;
}

export interface BatchCall {
  /** `backend:tool`; `tool` alone in the batch of a session. */
  tool: string;
  params?: Params;
  /** Default: the batch's. */
  session?: Session | string;
  /** Default: the sandbox's. */
  timeoutMs?: number;
}

export interface BatchOptions {
  /** Of the calls that name none. */
  session?: Session | string;
  /** Side by side; calls of one session still run one at a time. Default false. */
  parallel?: boolean;
  /** The first call that fails is the last. Only for calls in turn. Default true. */
  stopOnError?: boolean;
  /** All of the calls, of one session, count or none: the first that fails takes it back to where it was. Default false. */
  transaction?: boolean;
  signal?: AbortSignal;
}

/** What sessions ask of their sandbox. */
export interface Keeping {
  send<T>(ask: Ask<T>, signal?: AbortSignal): Promise<T>;
  execute<T>(tool: string, params: Params, options: CallOptions & Placed): Promise<Answer<T>>;
  start<T>(tool: string, params: Params, options: CallOptions & Placed): Promise<Job<T>>;
  batch(calls: Iterable<BatchCall>, options: BatchOptions): Promise<Batch>;
  adoptAll(created: readonly (Created | HostelError)[]): Promise<Session[]>;
  letGo(session: Session): void;
  closeQuietly(session: Session): Promise<boolean>;
}

/** `backend:tool`, where the backend goes without saying. */
export function named(tool: string, backend: string): string {
  return tool.includes(":") ? tool : `${backend}:${tool}`;
}

export function idOf(session: Session | string | undefined): string | undefined {
  return typeof session === "string" ? session : session?.id;
}

/** What a call says of its own, so that it can be laid over what its batch says. */
export function placed(from: { session?: Session | string; timeoutMs?: number }): CallOptions & Placed {
  return {
    ...(from.session === undefined ? {} : { session: from.session }),
    ...(from.timeoutMs === undefined ? {} : { timeoutMs: from.timeoutMs }),
  };
}
