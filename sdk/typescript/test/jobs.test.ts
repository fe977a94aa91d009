// Jobs: calls that are not waited for.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import * as hostel from "hostel-client";
import { Sandbox, type Job, type JobEvent } from "hostel-client";
import { Host, worker } from "./host.js";
import { CuttingProxy } from "./proxy.js";

const LOOP = "for (;;) {}";

interface Run {
  value: string;
}

let host: Host;
before(async () => {
  host = await Host.start();
});
after(() => host.stop());

function sandbox(): Sandbox {
  return new Sandbox({ baseUrl: host.url, workerId: worker() });
}

function wait(ms: number, value: string): string {
  return `await new Promise(done => setTimeout(done, ${ms})); ${value}`;
}

async function all(job: Job): Promise<JobEvent[]> {
  const events: JobEvent[] = [];
  for await (const event of job) events.push(event);
  return events;
}

function numbers(events: JobEvent[]): number[] {
  return events.map((event) => event.id);
}

test("a job tells what happens and answers as a call does", async () => {
  await using box = sandbox();
  const session = await box.session("code");
  const job = await session.start<Run>("run", { source: wait(300, "6 * 7") });
  assert.equal((await job.info()).done, false);
  const events = await all(job);
  assert.deepEqual(numbers(events), events.map((_, at) => at + 1));
  assert.equal(events.at(-1)?.type, "result");
  const answer = await job.result();
  assert.equal(answer.result.value, "42");
  assert.equal(answer.session?.id, session.id);
  const info = await job.info();
  assert.deepEqual([info.state, info.done, info.action], ["succeeded", true, "code:run"]);
  assert.ok(info.finishedAt);
});

test("what a guest prints comes as events", async (context) => {
  await using box = sandbox();
  if (!(await box.backends()).some((backend) => backend.name === "remember")) return context.skip("the guest that prints is not built");
  const text = "grüezi \u2028 wohl";
  const job = await (await box.session("remember")).start("say", { text });
  const printed = (await all(job)).flatMap((event) => ("text" in event ? [`${event.type} ${event.text.trimEnd()}`] : []));
  // What could pass for a line of its own is left out by the host.
  const shown = text.replace("\u2028", "");
  assert.ok(printed.includes(`stdout out: ${shown}`), printed.join("\n"));
  assert.ok(printed.includes(`stderr err: ${shown}`), printed.join("\n"));
});

test("a tool that says no, and a host that does, are errors of the result", async () => {
  await using box = sandbox();
  const no = await box.start("code:eval", { source: "throw new Error('nope')" });
  await assert.rejects(no.result(), (error: unknown) => error instanceof hostel.ToolError && /nope/.test(String(error.value)));
  const late = await box.start("code:run", { source: LOOP }, { timeoutMs: 300 });
  await assert.rejects(late.result(), hostel.DeadlineExceededError);
  assert.equal((await late.info()).state, "failed");
  assert.equal((await all(late)).at(-1)?.type, "error");
});

test("a job can be cancelled and its session told", async () => {
  await using box = sandbox();
  const session = await box.session("code", { checkpoint: "call" });
  await session.execute("run", { source: "let x = 1" });
  const job = await session.start("run", { source: `x = 2; ${LOOP}` });
  let last: JobEvent | undefined;
  for await (const event of job) {
    if (event.type === "started") {
      const cancelled = await job.cancel();
      assert.deepEqual([cancelled.state, cancelled.done], ["cancelled", true]);
    }
    last = event;
  }
  assert.equal(last?.type, "cancelled");
  await assert.rejects(job.result(), (error: unknown) => {
    assert.ok(error instanceof hostel.JobCancelledError);
    assert.deepEqual(error.details["rolled_back_to"], { call: 1 });
    return true;
  });
  assert.equal((await session.execute("eval", { source: "x" })).result, "1");
});

test("a result is waited for no longer than asked, and events until they are left", async () => {
  await using box = sandbox();
  const job = await (await box.session("code")).start("run", { source: wait(3000, "1") });
  const began = performance.now();
  await assert.rejects(job.result({ timeoutMs: 300 }), hostel.NoAnswerError);
  for await (const event of job) if (event.type === "started") break;
  const watch = job.events({ signal: AbortSignal.timeout(200) });
  await assert.rejects(async () => {
    for await (const _ of watch);
  }, { name: "TimeoutError" });
  assert.ok(performance.now() - began < 2500);
  await job.cancel();
});

test("the events of a connection that breaks go on where it broke", async () => {
  await using box = sandbox();
  const job = await (await box.session("code")).start("run", { source: wait(1500, "'done'") });
  await using proxy = await CuttingProxy.before(host.url, [1, 1, 0]);
  await using through = new Sandbox({ baseUrl: proxy.url, workerId: box.workerId ?? "" });
  const events = await all(through.job(job.id));
  assert.deepEqual(numbers(events), events.map((_, at) => at + 1));
  assert.equal(events.at(-1)?.type, "result");
  assert.equal(proxy.connections, 4);
  assert.deepEqual(events, await all(job));
});

test("a start whose answer was lost starts one job", async () => {
  await using box = sandbox();
  const session = await box.session("code");
  await session.execute("run", { source: "let n = 0" });
  await using proxy = await CuttingProxy.before(host.url, [0, 0]);
  await using through = new Sandbox({ baseUrl: proxy.url, workerId: box.workerId ?? "" });
  const job = await through.start<Run>("code:run", { source: "++n" }, { session });
  assert.equal((await job.result()).result.value, "1");
  assert.equal((await session.execute("eval", { source: "n" })).result, "1");
});

test("jobs are listed and forgotten", async () => {
  await using box = sandbox();
  const job = await box.start("code:eval", { source: "1" });
  await job.result();
  const listed: string[] = [];
  for await (const info of box.jobs({ state: "succeeded" })) listed.push(info.id);
  assert.deepEqual(listed, [job.id]);
  await job.forget();
  await assert.rejects(job.info(), hostel.JobNotFoundError);
  await assert.rejects(all(job), hostel.JobNotFoundError);
});
