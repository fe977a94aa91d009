// The pieces that need no host: the reader of streams, the settings, and that nothing here is Node's alone.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { AnswerDroppedError, isLast, Sandbox } from "hostel-client";
import { execute } from "#internal/asks.js";
import { jobEvent } from "#internal/read.js";
import { EventReader } from "#internal/sse.js";

const STREAM = 'id: 1\nevent: log\ndata: {"a": "\u2028é"}\n\n: still there\n\nid: 2\r\ndata:first\r\ndata: second\r\n\r\ndata: unfinished';

test("a stream reads the same however it is cut up", () => {
  for (const size of [1, 2, 3, 7, 1000]) {
    const reader = new EventReader();
    const events: string[] = [];
    for (let at = 0; at < STREAM.length; at += size) events.push(...reader.take(STREAM.slice(at, at + size)));
    assert.deepEqual(events, ['{"a": "\u2028é"}', "first\nsecond"]);
  }
});

test("options go over the environment and that over defaults", () => {
  for (const name of ["HOSTEL_URL", "HOSTEL_SERVER", "HOSTEL_WORKER", "HOSTEL_KEY"]) delete process.env[name];
  assert.equal(new Sandbox().baseUrl, "http://127.0.0.1:18890");
  process.env["HOSTEL_SERVER"] = "http://server:1";
  assert.equal(new Sandbox().baseUrl, "http://server:1");
  process.env["HOSTEL_URL"] = "https://url:2/below/";
  process.env["HOSTEL_WORKER"] = "w";
  assert.deepEqual([new Sandbox().baseUrl, new Sandbox().workerId], ["https://url:2/below", "w"]);
  assert.equal(new Sandbox({ baseUrl: "http://option:3" }).baseUrl, "http://option:3");
  assert.throws(() => new Sandbox({ timeoutMs: 0 }), RangeError);
});

test("the client has nothing that browsers lack", () => {
  const folder = join(import.meta.dirname, "../../dist");
  for (const name of readdirSync(folder).filter((name) => name.endsWith(".js"))) {
    const imports = [...readFileSync(join(folder, name), "utf8").matchAll(/(?:from|import) "([^"]+)"/g)].map(([, path]) => path);
    assert.ok(imports.every((path) => path?.startsWith("./")), `${name}: ${imports.join(", ")}`);
  }
});

test("what the host does not keep is said", () => {
  const dropped = jobEvent({ id: 7, type: "dropped", count: 7, new: "member" });
  assert.deepEqual([dropped.id, dropped.at, isLast(dropped)], [7, null, false]);
  const job = { id: "job_1", action: "code:run", state: "succeeded", worker: "w", events: 3, answer_dropped: true };
  const ask = execute({ action: "code:run", params: {}, timeoutMs: 1, idempotencyKey: "k" });
  assert.throws(() => ask.read({ status: 202, headers: new Headers(), body: { request_id: "r", job } }), AnswerDroppedError);
});
