// A call that is not waited for: its events as they come, its result when it is there, and a way to stop it.

import * as asks from "./asks.js";
import { HostUnreachableError, NoAnswerError } from "./errors.js";
import { isLast, type Answer, type JobEvent, type JobInfo } from "./models.js";
import { jobEvent, jobResult } from "./read.js";
import { sleep, type Transport } from "./transport.js";

/** Milliseconds that one request waits for a job to be done. */
const LONG_POLL_MS = 20_000;

/** Milliseconds before a stream that broke is opened again, counted from the last event that came. */
const STREAM_PAUSES_MS = [100, 500, 1_000, 2_000, 4_000];

/** A handle of a job. The job runs on the host, whatever becomes of the handle. */
export class Job<T = unknown> {
  readonly id: string;
  readonly #transport: Transport;

  /** Jobs are started by `Sandbox.start` and `Session.start`. */
  constructor(transport: Transport, id: string) {
    this.#transport = transport;
    this.id = id;
  }

  /** How the job stands now. */
  info(options: { signal?: AbortSignal } = {}): Promise<JobInfo> {
    return this.#transport.send(asks.job(this.id), options.signal);
  }

  /**
   * Waits until the job is done, at most `timeoutMs` (default: as long as it takes), and answers as `execute` does.
   *
   * Rejects with the job's error if it failed, `JobCancelledError` if it was cancelled, `NoAnswerError` if it is not done in time.
   */
  async result(options: { timeoutMs?: number; signal?: AbortSignal } = {}): Promise<Answer<T>> {
    const end = performance.now() + (options.timeoutMs ?? Number.POSITIVE_INFINITY);
    for (;;) {
      const left = Math.max(0, Math.min(LONG_POLL_MS, end - performance.now()));
      const info = await this.#transport.send(asks.job(this.id, Math.ceil(left)), options.signal);
      if (info.done) return jobResult(info) as Answer<T>;
      if (performance.now() >= end) throw new NoAnswerError(`job ${this.id} is not done after ${options.timeoutMs} ms; it goes on`);
    }
  }

  /**
   * The job's events after the one with the number `after` (default 0), as they come, until the last.
   *
   * A connection that breaks is made anew where it broke: no event is missed, and none comes twice. An event `dropped` stands for those
   * that the host's own log could not keep.
   */
  async *events(options: { after?: number; signal?: AbortSignal } = {}): AsyncGenerator<JobEvent, void, undefined> {
    const { signal } = options;
    let after = options.after ?? 0;
    for (let attempt = 0; ; attempt += 1) {
      let failure: unknown;
      try {
        for await (const data of this.#transport.stream(asks.events(this.id, after), signal)) {
          const event = jobEvent(JSON.parse(data));
          after = event.id;
          attempt = 0;
          yield event;
          if (isLast(event)) return;
        }
        const info = await this.info(options);
        if (info.done && after >= info.events) return;
      } catch (error) {
        if (!(error instanceof HostUnreachableError || error instanceof NoAnswerError)) throw error;
        failure = error;
      }
      const pause = STREAM_PAUSES_MS[attempt];
      if (pause === undefined) throw failure ?? new HostUnreachableError(`the events of job ${this.id} break off again and again`);
      await sleep(pause, signal);
    }
  }

  /** The same as `events()`: `for await (const event of job)`. */
  [Symbol.asyncIterator](): AsyncGenerator<JobEvent, void, undefined> {
    return this.events();
  }

  /** Stops the job, and answers when its guest has stopped. One that is done stays as it is: see `state`. */
  cancel(options: { signal?: AbortSignal } = {}): Promise<JobInfo> {
    return this.#transport.send(asks.cancelJob(this.id), options.signal);
  }

  /** Drops a job that is done, its events and its answer before their time. */
  forget(options: { signal?: AbortSignal } = {}): Promise<void> {
    return this.#transport.send(asks.forgetJob(this.id), options.signal);
  }
}
