// Where the host is and who calls: the options of a sandbox over the environment over the defaults. Nothing else reads the environment.

export const DEFAULT_URL = "http://127.0.0.1:18890";
export const DEFAULT_TIMEOUT_MS = 120_000;

export interface SandboxOptions {
  /** Where the host is. Default: the environment's `HOSTEL_URL` or `HOSTEL_SERVER`, or http://127.0.0.1:18890. */
  baseUrl?: string;
  /** Who calls: sessions and jobs are seen by their worker alone. Default: `HOSTEL_WORKER`, or the host's `default`. */
  workerId?: string;
  /** Of a session, allows calls on that session alone. Default: `HOSTEL_KEY`, or none. */
  token?: string;
  /** Milliseconds that a call may take, after which the host stops it. Default 120,000; the host's own limit may be shorter. */
  timeoutMs?: number;
  /** Whether sessions that are created here are kept alive in the background until they are closed. Default true. */
  keepAlive?: boolean;
  /** In place of the global `fetch`. */
  fetch?: typeof fetch;
}

export interface Settings {
  readonly baseUrl: string;
  readonly workerId: string | null;
  readonly timeoutMs: number;
  readonly keepAlive: boolean;
  readonly headers: Readonly<Record<string, string>>;
  readonly fetch: typeof fetch;
}

export function settings(options: SandboxOptions): Settings {
  const baseUrl = options.baseUrl ?? environment("HOSTEL_URL") ?? environment("HOSTEL_SERVER") ?? DEFAULT_URL;
  if (!/^https?:\/\/[^/]/.test(baseUrl)) {
    throw new TypeError(`${JSON.stringify(baseUrl)} is not the address of a host; it looks like ${DEFAULT_URL}`);
  }
  const workerId = options.workerId ?? environment("HOSTEL_WORKER") ?? null;
  if (workerId !== null && !isPrintable(workerId, 128)) {
    throw new TypeError(`${JSON.stringify(workerId)} is not a worker id: 1 to 128 printable ASCII characters`);
  }
  const token = options.token ?? environment("HOSTEL_KEY");
  return {
    baseUrl: baseUrl.replace(/\/+$/, ""),
    workerId,
    timeoutMs: checkedTimeout(options.timeoutMs ?? DEFAULT_TIMEOUT_MS),
    keepAlive: options.keepAlive ?? true,
    headers: token !== undefined ? { authorization: `Bearer ${token}` } : workerId !== null ? { "x-worker-id": workerId } : {},
    // A browser's `fetch` wants to be called on the window.
    fetch: options.fetch ?? ((...args) => globalThis.fetch(...args)),
  };
}

export function checkedTimeout(timeoutMs: number): number {
  if (timeoutMs > 0) return timeoutMs;
  throw new RangeError(`timeoutMs is ${timeoutMs}; it has to be more than 0`);
}

export function checkedKey(key: string): string {
  if (isPrintable(key, 255)) return key;
  throw new TypeError(`${JSON.stringify(key)} is not an idempotency key: 1 to 255 printable ASCII characters`);
}

function isPrintable(text: string, most: number): boolean {
  return text.length <= most && /^[\x20-\x7e]+$/.test(text);
}

/** A browser has none. */
function environment(name: string): string | undefined {
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } };
  return process?.env?.[name] || undefined;
}
