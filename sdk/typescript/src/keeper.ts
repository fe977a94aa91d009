// Keeps sessions alive in the background: when which session is due, and a timer that never keeps a program from ending.

import { HostelError, HostUnreachableError, NoAnswerError } from "./errors.js";

const ROUND_MIN_MS = 50;
const ROUND_MAX_MS = 60_000;
/** Milliseconds after which a keep-alive that did not reach the host is tried again. */
const RETRY_MS = 1_000;

export class Keeper {
  readonly #keepAlive: (id: string) => Promise<unknown>;
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();

  constructor(keepAlive: (id: string) => Promise<unknown>) {
    this.#keepAlive = keepAlive;
  }

  /** Three times within the idle time, so that one may get lost. */
  add(id: string, idleTimeout: number): void {
    const every = Math.min(Math.max((idleTimeout * 1000) / 3, ROUND_MIN_MS), ROUND_MAX_MS);
    this.#schedule(id, every, every);
  }

  remove(id: string): void {
    clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
  }

  stop(): void {
    for (const id of [...this.#timers.keys()]) this.remove(id);
  }

  #schedule(id: string, wait: number, every: number): void {
    this.remove(id);
    const timer = setTimeout(() => void this.#keep(id, timer, every), wait);
    // In a browser it is a number, and a page ends when it ends.
    (timer as { unref?: () => void }).unref?.();
    this.#timers.set(id, timer);
  }

  async #keep(id: string, timer: ReturnType<typeof setTimeout>, every: number): Promise<void> {
    let wait = every;
    try {
      await this.#keepAlive(id);
    } catch (error) {
      const isLost = error instanceof HostUnreachableError || error instanceof NoAnswerError;
      // It is over, or not ours. The next call on it says so to the one who makes it.
      if (!isLost && error instanceof HostelError) return this.#forget(id, timer);
      wait = Math.min(RETRY_MS, every);
    }
    // It may have been removed, or added anew, meanwhile.
    if (this.#timers.get(id) === timer) this.#schedule(id, wait, every);
  }

  #forget(id: string, timer: ReturnType<typeof setTimeout>): void {
    if (this.#timers.get(id) === timer) this.remove(id);
  }
}
