// Starts real hosts for tests, and stops exactly those.
//
// `HOSTEL_BIN` names the binary (default: target/debug/hostel of the repository), `HOSTEL_COMPONENTS` the folder of components (default:
// target/components), `HOSTEL_REPOSITORY` the repository, where these tests are compiled elsewhere.

import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";

const REPOSITORY = resolve(process.env["HOSTEL_REPOSITORY"] ?? join(import.meta.dirname, "../../../.."));
const PLUGINS = ["vm", "files", "rag", "code"];

/** A host of the plugins that ship with Hostel, and of one that prints, on a port of its own. */
export class Host {
  private constructor(
    readonly url: string,
    private readonly process: ChildProcess,
    private readonly folder: string,
  ) {}

  static async start(): Promise<Host> {
    const folder = mkdtempSync(join(tmpdir(), "hostel-"));
    const binary = resolve(process.env["HOSTEL_BIN"] ?? join(REPOSITORY, "target/debug/hostel"));
    if (!existsSync(binary)) throw new Error(`there is no ${binary}: build it with \`cargo build\`, or name another with HOSTEL_BIN`);
    const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("HOSTEL_")));
    const child = spawn(binary, ["serve", "--config", configuration(folder), "--log", "warn"], {
      stdio: ["ignore", "ignore", "pipe"],
      env: environment,
    });
    const log: string[] = [];
    const url = await new Promise<string>((found, failed) => {
      // The pipe is read to its end, so that it does not fill up.
      createInterface({ input: child.stderr }).on("line", (line) => {
        log.push(line);
        const address = /serves \d+ tools at (http:\/\/\S+)/.exec(line)?.[1];
        if (address !== undefined) found(address);
      });
      child.once("exit", () => failed(new Error(`the host did not start: ${log.join("\n")}`)));
    });
    return new Host(url, child, folder);
  }

  /** As an operator does. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const ended = new Promise((end) => this.process.once("exit", end));
    this.process.kill(signal);
    await ended;
    rmSync(this.folder, { recursive: true });
  }
}

function configuration(folder: string): string {
  const components = resolve(process.env["HOSTEL_COMPONENTS"] ?? join(REPOSITORY, "target/components"));
  // Compiled code stays from run to run; sessions are of one host alone.
  const lines = [
    "[server]",
    'listen = "127.0.0.1:0"',
    `data_dir = "${join(REPOSITORY, "target/sdk/data")}"`,
    `sessions_dir = "${join(folder, "sessions")}"`,
    "drain_seconds = 2",
  ];
  for (const name of PLUGINS) {
    const component = join(components, `${name}.wasm`);
    if (!existsSync(component)) throw new Error(`there is no ${component}: \`hostel build plugins --out ${components}\` makes it`);
    lines.push(`[backends.${name}]`, `path = "${component}"`, `workspace = ${name === "code" || name === "files"}`);
    if (name === "rag") lines.push(`folders = [{ host = "${join(REPOSITORY, "plugins/rag/corpus")}", guest = "/corpus" }]`);
  }
  const printer = join(components, "remember.wasm");
  if (existsSync(printer)) {
    const words = join(folder, "words");
    mkdirSync(words);
    writeFileSync(join(words, "words.txt"), "one two two\n");
    lines.push("[backends.remember]", `path = "${printer}"`, `folders = [{ host = "${words}", guest = "/data" }]`);
  }
  const path = join(folder, "hostel.toml");
  writeFileSync(path, lines.join("\n"));
  return path;
}

let workers = 0;

/** A worker that no other test has. */
export function worker(): string {
  workers += 1;
  return `test-${process.pid}-${workers}`;
}
