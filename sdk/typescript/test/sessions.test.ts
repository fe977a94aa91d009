// Sessions: whose they are, how long they live, and their state in the hand.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import * as hostel from "hostel-client";
import { Sandbox, type Session } from "hostel-client";
import { Host, worker } from "./host.js";

let host: Host;
before(async () => {
  host = await Host.start();
});
after(() => host.stop());

function sandbox(workerId = worker()): Sandbox {
  return new Sandbox({ baseUrl: host.url, workerId });
}

async function isOpen(box: Sandbox, session: Session): Promise<boolean> {
  for await (const info of box.sessions()) if (info.id === session.id) return true;
  return false;
}

async function evaluated(session: Session, source: string): Promise<unknown> {
  return (await session.execute("eval", { source })).result;
}

test("a block closes what it created and nothing else", async () => {
  await using box = sandbox();
  const earlier = await box.session("code", { name: "earlier" });
  let own: Session, detached: Session;
  {
    await using other = sandbox(box.workerId ?? "");
    own = await other.session("code");
    detached = (await other.session("code")).detach();
    const returned = await other.session("code", { name: "earlier", ifExists: "return" });
    assert.equal(returned.id, earlier.id);
    let inner: Session;
    {
      await using session = await other.session("code");
      await using _attached = await other.attach(earlier.id);
      inner = session;
    }
    assert.equal(await isOpen(box, inner), false);
  }
  assert.equal(await isOpen(box, own), false);
  assert.equal(await isOpen(box, earlier), true);
  assert.equal(await isOpen(box, detached), true);
  await assert.rejects(box.attach(own.id), hostel.SessionEndedError);
  await (await box.attach(detached.id)).close();
});

test("a block that fails closes too and throws its own error", async () => {
  await using box = sandbox();
  let session: Session | undefined;
  await assert.rejects(async () => {
    await using other = sandbox(box.workerId ?? "");
    session = await other.session("code");
    throw new Error("mine");
  }, /mine/);
  assert.equal(await isOpen(box, session as Session), false);
});

test("to close twice is to close", async () => {
  await using box = sandbox();
  const session = await box.session("code");
  assert.equal((await session.close())?.cleanup, "clean");
  assert.equal(await session.close(), null);
});

test("sessions without a name do not meet", async () => {
  await using box = sandbox();
  assert.notEqual((await box.session("code")).name, (await box.session("code")).name);
  await box.session("code", { name: "one" });
  await assert.rejects(box.session("code", { name: "one" }), hostel.SessionExistsError);
});

test("another worker does not see them, and a token opens its session alone", async () => {
  await using box = sandbox();
  const [session, other] = [await box.session("code"), await box.session("code")];
  await using stranger = sandbox();
  await assert.rejects(stranger.attach(session.id), hostel.SessionNotFoundError);
  assert.ok(session.token);
  assert.doesNotMatch(JSON.stringify({ id: session.id, box }), new RegExp(session.token));
  await using guest = new Sandbox({ baseUrl: host.url, token: session.token });
  assert.equal(await evaluated(await guest.attach(session.id), "1"), "1");
  await assert.rejects(guest.attach(other.id), hostel.ForbiddenError);
});

test("an idle session expires and says so", async () => {
  await using box = new Sandbox({ baseUrl: host.url, workerId: worker(), keepAlive: false });
  const session = await box.session("code", { idleTimeout: 0.3 });
  await sleep(800);
  await assert.rejects(evaluated(session, "1"), (error: hostel.SessionEndedError) => {
    assert.ok(error instanceof hostel.SessionEndedError);
    assert.match(String(error.details["reason"]), /idle/);
    return true;
  });
});

test("until it is closed a short-lived session lives on", async () => {
  await using box = sandbox();
  const session = await box.session("code", { idleTimeout: 0.6 });
  const leftAlone = (await box.session("code", { idleTimeout: 0.6 })).detach();
  await evaluated(session, "globalThis.x = 1");
  await sleep(2000);
  assert.equal(await evaluated(session, "x"), "1");
  await assert.rejects(evaluated(leftAlone, "1"), hostel.SessionEndedError);
});

test("checkpoints, forks and parking", async () => {
  await using box = sandbox();
  const session = await box.session("code");
  await evaluated(session, "globalThis.x = 1");
  const first = await session.checkpoint({ name: "first" });
  await evaluated(session, "x = 2");
  assert.deepEqual((await session.checkpoints()).map((each) => each.name), ["first"]);
  const [left, right] = await session.fork(2, { labels: { idea: "fork" } });
  assert.ok(left && right);
  await evaluated(left, "x += 10");
  assert.deepEqual(await Promise.all([session, left, right].map((each) => evaluated(each, "x"))), ["2", "12", "2"]);
  assert.ok((await left.info()).forkedFrom);
  await session.restore(first);
  assert.equal(await evaluated(session, "x"), "1");
  assert.equal((await session.suspend()).state, "suspended");
  assert.equal((await session.resume()).state, "idle");
  assert.equal(await evaluated(session, "x"), "1");
  await assert.rejects(session.restore("nowhere"), /nowhere/);
});

test("sessions are found by labels over all pages", async () => {
  await using box = sandbox();
  for (let n = 0; n < 60; n += 1) await box.session("vm", { labels: { even: String(n % 2 === 0) } });
  const count = async (labels: Record<string, string>): Promise<number> => {
    let found = 0;
    for await (const _ of box.sessions({ labels })) found += 1;
    return found;
  };
  assert.deepEqual([await count({}), await count({ even: "true" })], [60, 30]);
  await box.session("vm", { labels: { größe: "ü & 1=1" } });
  assert.equal(await count({ größe: "ü & 1=1" }), 1);
  await assert.rejects(count({ a: "b,c" }), /comma/);
});

test("labels and the life of a session are told", async () => {
  await using box = sandbox();
  const session = await box.session("code", { labels: { a: "b" }, idleTimeout: 100, maxLifetime: 0, limits: { callMs: 5000 } });
  const info = await session.info();
  assert.deepEqual([info.idleTimeout, info.maxLifetime, info.labels], [100, null, { a: "b" }]);
  assert.deepEqual((await session.change({ labels: { c: "d" } })).labels, { c: "d" });
  await sleep(50);
  assert.ok(((await session.keepAlive()).expiresAt ?? 0) > (info.expiresAt ?? 0));
});

test("what a guest prints can be read", async (context) => {
  await using box = sandbox();
  if (!(await box.backends()).some((backend) => backend.name === "remember")) return context.skip("the guest that prints is not built");
  const session = await box.session("remember");
  await session.execute("say", { text: "hällo" });
  const logs = await session.logs();
  assert.deepEqual(
    logs.lines.slice(-2).map((line) => [line.source, line.text]),
    [
      ["stdout", "out: hällo"],
      ["stderr", "err: hällo"],
    ],
  );
  assert.equal((await session.logs({ after: logs.next })).lines.length, 0);
});

test("a host that goes away ends no block badly", async () => {
  const mortal = await Host.start();
  await using box = new Sandbox({ baseUrl: mortal.url, workerId: worker() });
  const session = await box.session("code", { idleTimeout: 0.6 });
  await box.session("code");
  await mortal.stop("SIGKILL");
  await assert.rejects(evaluated(session, "1"), hostel.HostUnreachableError);
  await sleep(500);
});
