// The official TypeScript clients against a running host: version 2 for revision 2026-07-28, version 1 for the older ones, over HTTP and stdio.
//
// Usage: node client.mjs URL COMPONENTS HOSTEL DATA

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { Client as Modern, StreamableHTTPClientTransport as ModernHttp } from '@modelcontextprotocol/client';
import { StdioClientTransport as ModernStdio } from '@modelcontextprotocol/client/stdio';
import { Client as Legacy } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as LegacyStdio } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport as LegacyHttp } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';

const [url, components, hostel, data] = process.argv.slice(2);
const info = { name: 'check', version: '1.0.0' };
const text = (result) => result.content.filter((block) => block.type === 'text').map((block) => block.text).join('');
const call = (client, name, args, options) =>
  client instanceof Legacy ? client.callTool({ name, arguments: args }, undefined, options) : client.callTool({ name, arguments: args }, options);

async function modern(transport) {
  const client = new Modern(info, { versionNegotiation: { mode: { pin: '2026-07-28' } } });
  await client.connect(transport);
  return client;
}

async function legacy(transport) {
  const client = new Legacy(info);
  await client.connect(transport);
  return client;
}

const headers = (worker) => ({ requestInit: { headers: { 'X-Worker-ID': worker } } });

async function listsTools(client) {
  const { tools } = await client.listTools();
  const names = tools.map((tool) => tool.name);
  assert(names.every((name) => /^[a-zA-Z0-9_-]{1,64}$/.test(name)), String(names));
  for (const name of ['session_create', 'session_list', 'session_destroy', 'session_fork', 'code_run', 'vm_screenshot']) {
    assert(names.includes(name), name);
  }
  assert.deepEqual((await client.listTools()).tools.map((tool) => tool.name), names);
  const named = Object.fromEntries(tools.map((tool) => [tool.name, tool]));
  assert.equal(named.vm_screenshot.annotations.readOnlyHint, true);
  assert.equal(named.code_run.outputSchema.type, 'object');
}

async function create(client, backend, more = {}) {
  const made = await call(client, 'session_create', { backend, ...more });
  assert(!made.isError, text(made));
  return made.structuredContent.id;
}

async function keepsState(client) {
  const session = await create(client, 'code', { name: 'node' });
  const run = async (id, source) => {
    const result = await call(client, 'code_run', { source, session: id });
    assert(!result.isError, text(result));
    return result.structuredContent.value;
  };
  await run(session, 'let x = 20');
  assert.equal(await run(session, 'x * 2 + 2'), '42');
  const forked = await call(client, 'session_fork', { session, count: 2 });
  const [one, other] = forked.structuredContent.forks.map((fork) => fork.id);
  await run(one, 'x = 1');
  assert.equal(await run(other, 'x'), '20');
  for (const id of [session, one, other]) await call(client, 'session_destroy', { session: id });
  const late = await call(client, 'code_run', { source: '1', session });
  assert(late.isError && text(late).includes('session_create'), text(late));
}

async function showsPictures(client) {
  const session = await create(client, 'vm', { name: 'picture', config: { example: 'maze', seed: 3 } });
  await call(client, 'vm_run', { cycles: 100_000, session });
  const shot = await call(client, 'vm_screenshot', { session });
  const [picture] = shot.content;
  assert.equal(picture.type, 'image');
  assert.equal(picture.mimeType, 'image/png');
  await call(client, 'session_destroy', { session });
}

async function saysWhatIsWrong(client) {
  const wrong = await call(client, 'code_run', { sauce: '1' });
  assert(wrong.isError && text(wrong).includes('sauce'), text(wrong));
  await assert.rejects(call(client, 'code_ran', {}), (error) => error.code === -32602 && error.message.includes('code_run'));
}

async function tellsHowFarItIs(client) {
  const seen = [];
  const result = await call(client, 'test_tool_with_progress', {}, { onprogress: (progress) => seen.push(progress.progress) });
  assert(!result.isError, text(result));
  assert.deepEqual(seen, [0, 50, 100]);
}

async function all(client) {
  await listsTools(client);
  await keepsState(client);
  await showsPictures(client);
  await saysWhatIsWrong(client);
}

const base = new URL(url).origin;
async function change(component) {
  await fetch(`${base}/v1/backends/late`, { method: 'PUT', body: component });
  await fetch(`${base}/v1/backends/late`, { method: 'DELETE' });
}

// Until one of the changes was heard of: a client opens its stream for notices on its own time.
async function untilHeard(heard, component) {
  for (let attempt = 0; attempt < 20; attempt += 1) {
    await change(component);
    const waited = new Promise((resolve) => setTimeout(resolve, 500, 'late'));
    if ((await Promise.race([heard, waited])) !== 'late') return;
  }
  assert.fail('no notice of a changed list arrived');
}

const component = await readFile(`${components}/conformance.wasm`);
const stdio = { command: hostel, args: ['mcp', '--plugins', components, '--data-dir', data, '--log', 'error'] };

for (const [name, connect, Http, Stdio] of [
  ['2026-07-28', modern, ModernHttp, ModernStdio],
  ['2025-11-25', legacy, LegacyHttp, LegacyStdio],
]) {
  const client = await connect(new Http(new URL(url), headers(`node-${name}`)));
  await all(client);
  await tellsHowFarItIs(client);
  const heard = new Promise((resolve) => {
    if (client instanceof Legacy) {
      client.setNotificationHandler(ToolListChangedNotificationSchema, resolve);
    } else {
      client.setNotificationHandler('notifications/tools/list_changed', resolve);
    }
  });
  const subscription = client instanceof Modern ? await client.listen({ toolsListChanged: true }) : undefined;
  await untilHeard(heard, component);
  await subscription?.close();
  const ada = await connect(new Http(new URL(url), headers('ada')));
  const bob = await connect(new Http(new URL(url), headers('bob')));
  const session = await create(ada, 'code', { name: 'mine' });
  const taken = await call(bob, 'code_run', { source: '1', session });
  assert(taken.isError && text(taken).includes('session_not_found'), text(taken));
  await call(ada, 'session_destroy', { session });
  for (const open of [client, ada, bob]) await open.close();
  console.log(`node, HTTP, ${name}: good`);
  const near = await connect(new Stdio(stdio));
  await all(near);
  await near.close();
  console.log(`node, stdio, ${name}: good`);
}
process.exit(0);
