// Sends requests with `fetch`, repeats those that may be repeated, and reads streams.

import { GRACE_MS, type Ask, type Reply } from "./asks.js";
import { fromProblem, HostelError, HostUnreachableError, NoAnswerError, UnexpectedAnswerError } from "./errors.js";
import { isBody } from "./read.js";
import type { Settings } from "./settings.js";
import { EventReader } from "./sse.js";

/** Milliseconds before what may be repeated is sent a second and a third time. */
const PAUSES_MS = [100, 500];

/** Milliseconds after which a stream without a byte is given up for a new one: the host writes a comment every 15 s. */
const STREAM_SILENCE_MS = 45_000;

/** Characters of a body that a host may refuse for its size: less than it takes by default, since some characters take several bytes. */
const LARGE = 1 << 20;

export class Transport {
  readonly settings: Settings;
  /** Ends what is still under way when the sandbox is closed. */
  readonly #closed = new AbortController();

  constructor(settings: Settings) {
    this.settings = settings;
  }

  async send<T>(ask: Ask<T>, signal?: AbortSignal): Promise<T> {
    const patienceMs = ask.patienceMs ?? this.settings.timeoutMs + GRACE_MS;
    for (let attempt = 0; ; attempt += 1) {
      const patience = AbortSignal.timeout(patienceMs);
      try {
        return ask.read(await this.#reply(ask, this.#any(signal, patience)));
      } catch (error) {
        signal?.throwIfAborted();
        if (error instanceof HostelError) throw error;
        if (patience.aborted) throw this.#noAnswer(ask, patienceMs);
        const pause = ask.isRepeatable === true ? PAUSES_MS[attempt] : undefined;
        if (pause === undefined || this.#closed.signal.aborted) throw this.#failure(error, ask);
        await sleep(pause, signal);
      }
    }
  }

  /** The data of each event of one stream, until it ends or breaks. */
  async *stream(ask: Ask<unknown>, signal?: AbortSignal): AsyncGenerator<string, void, undefined> {
    const silence = new AbortController();
    const abort = (): void => silence.abort();
    let timer = setTimeout(abort, STREAM_SILENCE_MS);
    let pieces: ReadableStreamDefaultReader<string> | undefined;
    try {
      const response = await this.#fetch(ask, this.#any(signal, silence.signal));
      if (!response.ok || response.body === null) await read(response, this.settings.baseUrl);
      pieces = response.body?.pipeThrough(new TextDecoderStream()).getReader();
      const reader = new EventReader();
      for (;;) {
        const piece = await pieces?.read();
        if (piece === undefined || piece.done) return;
        clearTimeout(timer);
        timer = setTimeout(abort, STREAM_SILENCE_MS);
        yield* reader.take(piece.value);
      }
    } catch (error) {
      signal?.throwIfAborted();
      throw error instanceof HostelError ? error : this.#failure(error, ask);
    } finally {
      clearTimeout(timer);
      // One that broke, or that is over, has nothing to cancel.
      await pieces?.cancel().catch(() => undefined);
    }
  }

  close(): void {
    this.#closed.abort();
  }

  async #reply<T>(ask: Ask<T>, signal: AbortSignal): Promise<Reply> {
    return read(await this.#fetch(ask, signal), this.settings.baseUrl);
  }

  #fetch(ask: Ask<unknown>, signal: AbortSignal): Promise<Response> {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(ask.query ?? {})) if (value !== undefined) query.set(name, String(value));
    const headers: Record<string, string> = { ...this.settings.headers, ...ask.headers };
    if (ask.body !== undefined) headers["content-type"] = "application/json";
    return this.settings.fetch(this.settings.baseUrl + ask.path + (query.size > 0 ? `?${query}` : ""), {
      method: ask.method,
      headers,
      body: ask.body ?? null,
      signal,
      cache: "no-store",
      redirect: "error",
    });
  }

  #any(signal: AbortSignal | undefined, patience: AbortSignal): AbortSignal {
    return AbortSignal.any([patience, this.#closed.signal, ...(signal === undefined ? [] : [signal])]);
  }

  #noAnswer(ask: Ask<unknown>, patienceMs: number): HostelError {
    return new NoAnswerError(`${this.settings.baseUrl} did not answer ${ask.method} ${ask.path} within ${patienceMs / 1000} s${doubt(ask)}`);
  }

  /** What a failure of `fetch` means for the one who asked. */
  #failure(error: unknown, ask: Ask<unknown>): HostelError {
    const url = this.settings.baseUrl;
    if (this.#closed.signal.aborted) return new HostUnreachableError("the sandbox is closed", { cause: error });
    if (isRefused(error)) {
      const hint = "start one with `hostel up` or `hostel serve`, or name another with baseUrl or HOSTEL_URL";
      return new HostUnreachableError(`no host answers at ${url}`, { hint, cause: error });
    }
    const why = `the connection to ${url} broke during ${ask.method} ${ask.path}${doubt(ask)}: ${reason(error)}`;
    // The host answers before it has read what is too large for it, and `fetch` may see no more than the end of the connection.
    const isLarge = (ask.body?.length ?? 0) >= LARGE;
    const hint = isLarge ? `a body of ${ask.body?.length} characters may be too large for the host: server.body_bytes_max, 4 MiB by default` : undefined;
    return new HostUnreachableError(why, { hint, cause: error });
  }
}

/** Waits, or rejects with the signal's reason. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/** What the host answered, or the error that it answered with as an exception. */
async function read(response: Response, url: string): Promise<Reply> {
  const text = await response.text();
  let body: unknown;
  try {
    body = text === "" ? null : JSON.parse(text);
  } catch {
    body = undefined;
  }
  if (response.ok && body !== undefined) return { status: response.status, headers: response.headers, body };
  if (isBody(body) && "code" in body) {
    const seconds = Number(response.headers.get("retry-after") ?? Number.NaN);
    throw fromProblem(body, Number.isFinite(seconds) ? seconds : undefined);
  }
  throw new UnexpectedAnswerError(`${url} answered ${response.status} with something that no Hostel host says`, {
    hint: "is it the address of a Hostel host?",
    status: response.status,
  });
}

/** Nobody listens there, so nothing was sent. Browsers do not tell. */
function isRefused(error: unknown): boolean {
  const cause = error instanceof Error ? (error.cause as { code?: string; errors?: { code?: string }[] } | undefined) : undefined;
  const codes = [cause?.code, ...(cause?.errors ?? []).map((each) => each.code)];
  return codes.some((code) => code === "ECONNREFUSED" || code === "ENOTFOUND" || code === "UND_ERR_CONNECT_TIMEOUT");
}

function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}

/** What its failure leaves open, where that matters. */
function doubt(ask: Ask<unknown>): string {
  if (ask.isRepeatable !== true && ask.method !== "GET") return "; it may have been done, and is not repeated";
  return ask.headers !== undefined && "idempotency-key" in ask.headers ? "; it may have been done" : "";
}
