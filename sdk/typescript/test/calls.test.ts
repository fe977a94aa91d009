// Calls and their answers: results, the tool's own errors, the host's refusals, deadlines, and what is never sent twice.

import assert from "node:assert/strict";
import { createServer, type AddressInfo } from "node:net";
import { after, before, test } from "node:test";

import * as hostel from "hostel-client";
import { Sandbox } from "hostel-client";
import { Host, worker } from "./host.js";
import { CuttingProxy } from "./proxy.js";

const LOOP = "for (;;) {}";

interface Script {
  source: string;
}

interface Run {
  value: string;
}

let host: Host;
before(async () => {
  host = await Host.start();
});
after(() => host.stop());

function sandbox(more: { timeoutMs?: number } = {}): Sandbox {
  return new Sandbox({ baseUrl: host.url, workerId: worker(), ...more });
}

/** The error of a kind with which a promise rejects. */
async function rejection<E extends Error>(promise: Promise<unknown>, kind: new (...args: never[]) => E): Promise<E> {
  const caught = await promise.then(
    () => assert.fail(`nothing went wrong, and not ${kind.name}`),
    (error: unknown) => error,
  );
  assert.ok(caught instanceof kind, `${String(caught)} is no ${kind.name}`);
  return caught;
}

test("the first example of the readme", async () => {
  await using box = new Sandbox({ baseUrl: host.url });
  assert.equal((await box.warmup()).warm, true);
  const session = await box.session("code");
  const answer = await session.execute<Run>("run", { source: "1 + 1" });
  assert.equal(answer.result.value, "2");
});

test("an answer says what it took and where it ran", async () => {
  await using box = sandbox();
  const session = await box.session("code");
  await session.execute("run", { source: "let x = 20" });
  const script: Script = { source: "x * 2 + 2" };
  const answer = await session.execute<Run>("run", script);
  assert.equal(answer.result.value, "42");
  assert.equal(answer.action, "code:run");
  assert.ok(answer.requestId);
  assert.ok(answer.usage.durationUs > 0 && answer.usage.memoryBytes > 0);
  assert.deepEqual(answer.session, { id: session.id, name: session.name, temporary: false, call: 2 });
});

test("a stateless tool needs no session", async () => {
  await using box = sandbox();
  const answer = await box.execute<unknown[]>("rag:search", { query: "context manager", limit: 2 });
  assert.equal(answer.result.length, 2);
  assert.equal(answer.session, null);
});

test("a stateful tool runs in a temporary session or in the default one", async () => {
  await using box = sandbox();
  assert.equal((await box.execute("code:run", { source: "let x = 1" })).session?.temporary, true);
  const session = await box.session("code", { name: "default" });
  await box.execute("code:run", { source: "let x = 1" });
  assert.equal((await session.execute<Run>("run", { source: "x" })).result.value, "1");
  assert.equal((await box.execute<Run>("code:run", { source: "x" }, { session: "default" })).result.value, "1");
  assert.equal((await box.execute<Run>("code:run", { source: "x" }, { session })).result.value, "1");
  const apart = await box.execute<Run>("code:run", { source: "typeof x" }, { temporary: true });
  assert.equal(apart.result.value, '"undefined"');
});

test("a tool that says no rejects with its value", async () => {
  await using box = sandbox();
  const session = await box.session("code");
  const error = await rejection(session.execute("eval", { source: "throw new Error('nope')" }), hostel.ToolError);
  assert.match(String(error.value), /nope/);
  assert.equal(error.action, "code:eval");
  assert.equal(error.session?.id, session.id);
  assert.equal((await session.execute("eval", { source: "1" })).result, "1");
});

test("text of every kind arrives as it was sent", async () => {
  await using box = sandbox();
  const session = await box.session("files");
  for (const text of ["Grüße, 世界 🦀", "\u2028\u2029\u0001\u0085\x1f", 'quotes " and \\', "\u{10ffff}", ""]) {
    await session.execute("write", { path: "ünï/☃.txt", text });
    assert.equal((await session.execute<{ text: string }>("read", { path: "ünï/☃.txt" })).result.text, text);
  }
});

test("bytes are sent as base64", async () => {
  await using box = sandbox();
  const session = await box.session("files");
  const bytes = Uint8Array.from({ length: 100_000 }, (_, at) => at % 256);
  await session.execute("write_bytes", { path: "a.bin", bytes });
  const read = await session.execute<{ bytes: string }>("read_bytes", { path: "a.bin", length: 300 });
  assert.deepEqual(new Uint8Array(Buffer.from(read.result.bytes, "base64")), bytes.subarray(0, 300));
});

test("large params arrive whole and too large ones are refused", async () => {
  await using box = sandbox();
  const session = await box.session("files");
  const text = "0123456789abcdef".repeat(3 << 16);
  assert.equal((await session.execute<{ bytes: number }>("write", { path: "big.txt", text })).result.bytes, text.length);
  const error = await rejection(session.execute("write", { path: "big.txt", text: text + text }), hostel.HostelError);
  // The host does not read what it refuses, and `fetch` may not see its answer before the connection breaks.
  if (error instanceof hostel.PayloadTooLargeError) assert.equal(error.details["limit"], 4 << 20);
  else assert.match(error.message, /too large/);
  assert.equal((await session.execute<{ bytes: number }>("stat", { path: "big.txt" })).result.bytes, text.length);
});

test("refusals come as classes by code", async () => {
  await using box = sandbox();
  const cases = [
    ["code:run", { sauce: "1" }, hostel.InvalidParamsError, 400],
    ["code:rnu", {}, hostel.ToolNotFoundError, 404],
    ["nobody:run", {}, hostel.NotFoundError, 404],
  ] as const;
  for (const [action, params, kind, status] of cases) {
    const error = await rejection(box.execute(action, params), kind);
    assert.equal(error.status, status);
    assert.ok(error.requestId);
    assert.equal(error.code, (error.constructor as typeof hostel.HostelError).code);
    assert.equal(error.name, error.constructor.name);
  }
  const params = await rejection(box.execute("code:run", { source: 7 }), hostel.InvalidParamsError);
  assert.equal(params.details["pointer"], "/source");
  assert.match(String(await rejection(box.execute("code:rum"), hostel.ToolNotFoundError)), /code:run/);
});

test("every code of the host has a class", () => {
  const codes = `invalid_request invalid_params unauthenticated forbidden policy_denied backend_not_found tool_not_found session_not_found
    job_not_found context_not_found conflict tool_ambiguous session_exists session_failed session_ended payload_too_large backend_invalid
    unsupported_snapshot session_busy rate_limited internal tool_trapped limit_exceeded overloaded shutting_down deadline_exceeded`;
  for (const code of codes.split(/\s+/)) assert.ok(hostel.ERRORS_BY_CODE.has(code), code);
  const unknown = hostel.fromProblem({ code: "moon_phase", detail: "it wanes", sign: "pisces" });
  assert.equal(unknown.constructor, hostel.HostelError);
  assert.deepEqual([unknown.code, unknown.details], ["moon_phase", { sign: "pisces" }]);
});

test("a call that takes too long is stopped by the host", async () => {
  await using box = sandbox({ timeoutMs: 300 });
  const session = await box.session("code");
  const error = await rejection(session.execute("run", { source: LOOP }), hostel.DeadlineExceededError);
  assert.equal(error.details["session_state"], "failed");
  await rejection(session.execute("run", { source: "1" }), hostel.SessionFailedError);
});

test("with a checkpoint before every call a stopped one costs nothing", async () => {
  await using box = sandbox();
  const session = await box.session("code", { checkpoint: "call" });
  await session.execute("run", { source: "let x = 5" });
  const stopped = session.execute("run", { source: `x = 6; ${LOOP}` }, { timeoutMs: 300 });
  assert.deepEqual((await rejection(stopped, hostel.DeadlineExceededError)).details["rolled_back_to"], { call: 1 });
  assert.equal((await session.execute("eval", { source: "x" })).result, "5");
});

test("who aborts stops waiting and gets the reason; the call runs on", async () => {
  await using box = sandbox();
  const session = await box.session("code");
  const signal = AbortSignal.timeout(200);
  const slow = session.execute("run", { source: "await new Promise(done => setTimeout(done, 600)); globalThis.x = 1" }, { signal });
  await assert.rejects(slow, { name: "TimeoutError" });
  assert.equal((await session.execute("eval", { source: "x" })).result, "1");
  await assert.rejects(box.tools({ signal: AbortSignal.abort(new Error("mine")) }), /mine/);
});

test("a host that is not there is said at once, and how to start one", async () => {
  const free = createServer();
  await new Promise<void>((listening) => free.listen(0, "127.0.0.1", listening));
  const { port } = free.address() as AddressInfo;
  await new Promise((closed) => free.close(closed));
  await using box = new Sandbox({ baseUrl: `http://127.0.0.1:${port}` });
  const error = await rejection(box.execute("code:run", { source: "1" }), hostel.HostUnreachableError);
  assert.match(error.message, /hostel up/);
});

test("what is no Hostel host is said", async () => {
  const answer = async (): Promise<Response> => new Response("<html>", { status: 200 });
  await using box = new Sandbox({ baseUrl: "http://127.0.0.1:1", fetch: answer });
  await rejection(box.tools(), hostel.UnexpectedAnswerError);
  assert.throws(() => new Sandbox({ baseUrl: "127.0.0.1:18890" }), /not the address of a host/);
  assert.throws(() => new Sandbox({ workerId: "wörker" }), /not a worker id/);
});

test("a call whose answer was lost is not repeated", async () => {
  await using box = sandbox();
  const session = await box.session("code");
  await session.execute("run", { source: "let n = 0" });
  await using proxy = await CuttingProxy.before(host.url, [0]);
  await using through = new Sandbox({ baseUrl: proxy.url, workerId: box.workerId ?? "" });
  const lost = through.execute("code:run", { source: "++n" }, { session });
  assert.match((await rejection(lost, hostel.HostUnreachableError)).message, /may have been done/);
  assert.equal(proxy.connections, 1);
  assert.equal((await session.execute("eval", { source: "n" })).result, "1");
});

test("reading is repeated", async () => {
  await using proxy = await CuttingProxy.before(host.url, [0, 0]);
  await using through = new Sandbox({ baseUrl: proxy.url, workerId: worker() });
  assert.ok((await through.tools({ backend: "code" })).length > 0);
  assert.equal(proxy.connections, 3);
});

test("with a key a call whose answer was lost is repeated and runs once", async () => {
  await using box = sandbox();
  const session = await box.session("code");
  await session.execute("run", { source: "let n = 0" });
  const idempotencyKey = crypto.randomUUID();
  await using proxy = await CuttingProxy.before(host.url, [0, 0]);
  await using through = new Sandbox({ baseUrl: proxy.url, workerId: box.workerId ?? "" });
  const answer = await through.execute<Run>("code:run", { source: "++n" }, { session, idempotencyKey });
  assert.equal(proxy.connections, 3);
  assert.deepEqual([answer.result.value, answer.replayed], ["1", true]);
  assert.equal((await session.execute("eval", { source: "n" })).result, "1");
  await rejection(session.execute("run", { source: "n += 10" }, { idempotencyKey }), hostel.ConflictError);
});

test("a batch tells of each call, and a transaction counts whole or not at all", async () => {
  await using box = sandbox();
  const session = await box.session("code");
  const batch = await session.batch([
    { tool: "eval", params: { source: "let a = 1" } },
    { tool: "eval", params: { source: "a + 1" } },
  ]);
  assert.equal((batch.outcomes[1] as hostel.Answer).result, "2");
  const mixed = await box.batch([{ tool: "rag:search", params: { query: "json" } }, { tool: "code:nothing" }], { parallel: true });
  assert.deepEqual([mixed.total, mixed.executed, mixed.succeeded], [2, 2, 1]);
  assert.ok(mixed.outcomes[1] instanceof hostel.ToolNotFoundError);
  const failing = [
    { tool: "eval", params: { source: "a = 2" } },
    { tool: "eval", params: { source: "throw 'no'" } },
  ];
  const undone = await session.batch(failing, { transaction: true });
  assert.deepEqual(undone.rolledBackTo, { call: 2 });
  assert.ok(undone.outcomes[1] instanceof hostel.ToolError);
  assert.equal((await session.execute("eval", { source: "a" })).result, "1");
});

test("tools and backends are described", async () => {
  await using box = sandbox();
  const tools = await box.tools();
  const run = tools.find((tool) => tool.name === "code:run");
  assert.equal(run?.stateful, true);
  assert.equal((run?.inputSchema["properties"] as { source: { type: string } }).source.type, "string");
  assert.equal((await box.tool("code_run")).name, "code:run");
  const names = (await box.backends()).map((backend) => backend.name);
  for (const name of ["code", "files", "rag", "vm"]) assert.ok(names.includes(name), name);
  await box.warmup({ backends: ["code"] });
  const code = await box.backend("code");
  assert.equal(code.warmth.state, "warm");
  assert.ok(code.loadedAt.getTime() > 0);
  await rejection(box.warmup({ backends: ["nobody"] }), hostel.BackendNotFoundError);
  assert.equal((await box.ready())["status"], "ready");
});
