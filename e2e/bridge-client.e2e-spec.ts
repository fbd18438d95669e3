import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createContext, runInContext } from 'node:vm';
import { BridgeClient, BridgeError, type BridgeOptions } from '@agentfleet/sdk';
import { FakeAgent, freePort, json, says, StackProcess, waitFor, type StackFile } from '@agentfleet/testing';

const ROOT = join(__dirname, '..');

/** The bridge client against a running bridge. */
let stack: StackProcess;
let file: StackFile;
let bridge: BridgeClient;
const agents: FakeAgent[] = [];

beforeAll(async () => {
  stack = await StackProcess.create({ variables: { VPS_BACKOFF_BASE_MS: '50' } });
  file = await stack.start();
  bridge = new BridgeClient(options());
});
afterAll(async () => {
  for (const agent of agents) await agent.stop();
  await stack.dispose();
});

const options = (): BridgeOptions => ({ baseUrl: file.urls.vps_bridge, apiKey: file.api_keys.bridge });

type Behaviours = Parameters<typeof FakeAgent.start>;
async function agent(name: string, behaviours: Behaviours, registration: Partial<Parameters<BridgeClient['register']>[0]> = {}): Promise<FakeAgent> {
  const started = await FakeAgent.start(...behaviours);
  agents.push(started);
  await bridge.register({ name, host: '127.0.0.1', port: started.port, max_retries: 1, ...registration });
  return started;
}

/** Streams these texts, then ends well or breaks off. */
const streams = (texts: readonly string[], end: 'done' | 'break'): Behaviours[number] => (_request, response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const content of texts) response.write(`data: ${JSON.stringify({ content })}\n\n`);
  if (end === 'done') response.end('data: [DONE]\n\n');
  else setImmediate(() => response.destroy());
};

const refusal = async (asked: Promise<unknown>): Promise<BridgeError> => {
  const error: unknown = await asked.then(() => new Error('It worked'), (thrown: unknown) => thrown);
  if (!(error instanceof BridgeError)) throw error;
  return error;
};

test('registers, calls along the chain, and shows health', async () => {
  await agent('sick', [json(503, { error: 'x' })], { fallback_agents: ['well'] });
  await agent('well', [says('from the second')]);
  const result = await bridge.call({ agent_name: 'sick', prompt: 'hello' }, { correlationId: 'e2e-call' });
  expect(result).toMatchObject({ success: true, agent_name: 'well', response: 'from the second', fallback_chain: ['sick', 'well'], retry_count: 1 });
  expect(agents.at(-1)?.requests[0]?.headers['x-correlation-id']).toBe('e2e-call');
  expect((await bridge.agents()).agents.map(({ name }) => name)).toEqual(expect.arrayContaining(['sick', 'well']));
  expect(await bridge.agent('sick')).toMatchObject({ max_retries: 1, has_auth_token: false, fallback_agents: ['well'] });
  expect(await bridge.agentHealth('sick')).toMatchObject({ status: 'unhealthy', total_failures: 1 });
  expect(await bridge.resetHealth('sick')).toMatchObject({ status: 'healthy', total_requests: 0 });
  expect(await bridge.health()).toMatchObject({ total_agents: expect.any(Number) });
  expect(await bridge.status()).toMatchObject({ status: 'operational' });
  await bridge.removeAgent('sick');
  expect(await refusal(bridge.agent('sick'))).toMatchObject({ status: 404, code: 'agent_not_found' });
});

test('an asynchronous call is accepted at once and can be waited for', async () => {
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  await agent('slow', [(request, response) => void held.then(() => says('at last')(request, response))]);
  const { call_id: callId, status } = await bridge.callAsync({ agent_name: 'slow', prompt: 'take your time' });
  expect([status, (await bridge.callRecord(callId)).finished_at]).toEqual(['queued', null]);
  await expect(bridge.waitForCall(callId, { timeoutMs: 1 })).rejects.toThrow('did not end within 1 ms');
  release();
  const ended = await bridge.waitForCall(callId, { timeoutMs: 20_000 });
  expect(ended).toMatchObject({ status: 'succeeded', kind: 'async', result: { success: true, response: 'at last' } });
  const listed = await bridge.calls({ agent_name: 'slow', kind: 'async', limit: 1 });
  expect(listed.calls.map(({ call_id }) => call_id)).toEqual([callId]);
});

async function streamed(mode: 'restart' | 'continue' | 'fail') {
  await agent(`breaks-${mode}`, [streams(['one ', 'two '], 'break')], { streaming: true, fallback_agents: [`ends-${mode}`] });
  await agent(`ends-${mode}`, [streams(['three ', 'four'], 'done')], { streaming: true });
  const events = [];
  for await (const event of bridge.stream({ agent_name: `breaks-${mode}`, prompt: 'count', on_midstream_failure: mode })) events.push(event);
  const texts = events.flatMap((event) => (event.event === 'text' ? [event.data] : []));
  const textOf = (name: string) => texts.filter(({ agent: from }) => from === name).map(({ delta }) => delta).join('');
  return { events, textOf, failover: events.find(({ event }) => event === 'failover')?.data, last: events.at(-1) };
}

test('a stream that fails in the middle begins anew with the next agent; each text says whose it is', async () => {
  const { textOf, failover, last } = await streamed('restart');
  expect([textOf('breaks-restart'), textOf('ends-restart')]).toEqual(['one two ', 'three four']);
  expect(failover).toMatchObject({ from: 'breaks-restart', to: 'ends-restart', midstream: true, mode: 'restart', sent_text: 'one two ', error_code: 'cut_off' });
  expect(last).toMatchObject({ event: 'done', data: { success: true, agent_name: 'ends-restart', response: 'three four' } });
});

test('or is continued by it, or fails, as the caller wants', async () => {
  expect((await streamed('continue')).last).toMatchObject({ event: 'done', data: { response: 'one two three four' } });
  const { last, failover } = await streamed('fail');
  expect([last, failover]).toMatchObject([{ event: 'error', data: { success: false, partial_response: 'one two ' } }, undefined]);
});

test('leaving a stream cancels the agent', async () => {
  let gone = false;
  await agent('endless', [(_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: {"content":"first"}\n\n');
    response.once('close', () => (gone = true));
  }], { streaming: true });
  for await (const { event } of bridge.stream({ agent_name: 'endless', prompt: 'talk' })) if (event === 'text') break;
  await waitFor('the cancellation', () => gone, { timeoutMs: 3000 });
});

test('a keyed call whose answer is lost is asked for again and acts once', async () => {
  const once = await agent('once', [says('done once')]);
  let sent = 0;
  const lossy: typeof fetch = async (input, init) => {
    const response = await fetch(input, init);
    if (++sent > 2) return response;
    await response.arrayBuffer();
    if (sent === 1) throw new TypeError('fetch failed');
    return new Response(new ReadableStream({ start: (controller) => controller.error(new TypeError('terminated')) }), { status: 200 });
  };
  const client = new BridgeClient({ ...options(), fetch: lossy });
  const result = await client.call({ agent_name: 'once', prompt: 'act' }, { idempotencyKey: 'e2e-lost-answer' });
  expect([result.response, once.requests.length, sent]).toEqual(['done once', 1, 3]);
  expect(await bridge.call({ agent_name: 'once', prompt: 'act' }, { idempotencyKey: 'e2e-lost-answer' })).toEqual(result);
  const reused = await refusal(bridge.call({ agent_name: 'once', prompt: 'another' }, { idempotencyKey: 'e2e-lost-answer' }));
  expect([reused.status, reused.code, once.requests.length]).toEqual([422, 'idempotency_key_reused', 1]);
});

test('sessions are paged, exported, removed and imported', async () => {
  await agent('talker', [says('yes')]);
  const user = 'paging-user';
  for (const number of [1, 2, 3]) {
    for (const prompt of ['a', 'b']) await bridge.call({ agent_name: 'talker', prompt, session_id: `page/${number} ?`, user_id: user });
  }
  const first = await bridge.sessions({ user_id: user, limit: 2 });
  const second = await bridge.sessions({ user_id: user, limit: 2, cursor: first.next_cursor ?? '' });
  expect([...first.sessions, ...second.sessions].map(({ session_id }) => session_id)).toEqual(['page/3 ?', 'page/2 ?', 'page/1 ?']);
  expect(second.next_cursor).toBeNull();
  const pages = [];
  for (let after: number | null = 0; after !== null; ) {
    const page: Awaited<ReturnType<BridgeClient['messages']>> = await bridge.messages('page/1 ?', { after_seq: after, limit: 3 });
    pages.push(page.messages.map(({ content }) => content));
    after = page.next_after_seq;
  }
  expect(pages).toEqual([['a', 'yes', 'b'], ['yes']]);
  const before = await bridge.session('page/1 ?');
  const exported = await bridge.exportSessions(user);
  expect(exported.total_sessions).toBe(3);
  const text = await new Response(await bridge.exportSessionsStream(user)).text();
  expect(JSON.parse(text)).toEqual({ ...exported, exported_at: expect.any(String) });
  await bridge.removeSession('page/1 ?');
  expect((await refusal(bridge.session('page/1 ?'))).code).toBe('session_not_found');
  expect(await bridge.importSessions(exported)).toEqual({ imported: 3 });
  expect(await bridge.session('page/1 ?')).toEqual(before);
  expect((await bridge.session('page/1 ?', 1)).messages).toHaveLength(1);
  expect(await bridge.cleanUpSessions(1)).toMatchObject({ cleaned_up: 0 });
});

test('refusals become errors with their code, fields and correlation id', async () => {
  const invalid = await refusal(bridge.register({ name: 'x', host: '127.0.0.1', port: 0 }, { correlationId: 'e2e-invalid' }));
  expect(invalid).toMatchObject({ name: 'BridgeError', status: 422, code: 'validation_failed', details: { problems: [{ field: 'port', message: 'must be a whole number from 1 to 65535' }], correlationId: 'e2e-invalid' } });
  const stranger = new BridgeClient({ baseUrl: file.urls.vps_bridge, apiKey: 'afk_nobody' });
  expect(await refusal(stranger.agents())).toMatchObject({ status: 401, code: 'unauthenticated' });
  await agent('owned', [says('mine')]);
  await bridge.call({ agent_name: 'owned', prompt: 'x', session_id: 'owned-session', user_id: 'one' });
  expect(await refusal(bridge.call({ agent_name: 'owned', prompt: 'x', session_id: 'owned-session', user_id: 'two' }))).toMatchObject({ status: 403, code: 'session_owner_mismatch' });
  expect(await refusal(bridge.callRecord('call_unknown'))).toMatchObject({ status: 404, code: 'call_not_found' });
  expect(await refusal(bridge.importSessions({ sessions: { wrong: { session_id: 'other' } } } as never))).toMatchObject({ status: 422, code: 'validation_failed' }); // no valid file on purpose
  const nowhere = new BridgeClient({ baseUrl: `http://127.0.0.1:${await freePort()}`, apiKey: 'afk_x' });
  expect(await refusal(nowhere.agents())).toMatchObject({ status: 0, code: 'unreachable', message: 'The bridge could not be reached' });
  expect(await bridge.call({ agent_name: 'nobody', prompt: 'x' })).toMatchObject({ success: false, error_code: 'not_registered' });
});

test('the example of the README runs', async () => {
  const [, example = ''] = /## BridgeClient[^`]*```js\n([\s\S]*?)```/.exec(readFileSync(join(ROOT, 'libs/sdk/README.md'), 'utf8')) ?? [];
  const writer = await FakeAgent.start(says('written'));
  agents.push(writer);
  const script = example.replace('http://127.0.0.1:18789', file.urls.vps_bridge).replace('8800', String(writer.port));
  const env = { PATH: process.env['PATH'], BRIDGE_API_KEY: file.api_keys.bridge };
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', script], { cwd: ROOT, env });
  expect(stdout).toBe('written\nwritten');
});

const BUNDLE = join(ROOT, 'dist/libs/sdk/bridge.js');

/** The built bridge client in a realm with the globals of an edge worker; what it touches beyond them is written down. */
function inWorker(source = readFileSync(BUNDLE, 'utf8')): { module: { BridgeClient: typeof BridgeClient; BridgeError: typeof BridgeError }; touched: string[] } {
  const touched: string[] = [];
  const module = { exports: {} };
  const crypto = { getRandomValues: (array: Uint8Array) => globalThis.crypto.getRandomValues(array) };
  const context = createContext({ module, exports: module.exports, fetch, ReadableStream, TextDecoder, URL, AbortController, crypto, setTimeout, clearTimeout });
  for (const name of ['require', 'process', 'Buffer', 'global', 'setImmediate', '__dirname', '__filename']) {
    Object.defineProperty(context, name, { get: () => void touched.push(name) });
  }
  runInContext(source, context, { filename: 'bridge.js' });
  return { module: module.exports as ReturnType<typeof inWorker>['module'], touched }; // what the bundle exports
}

test('the bundle of the bridge client imports nothing', () => {
  const text = readFileSync(BUNDLE, 'utf8');
  expect(text).not.toMatch(/node:|[^_]require\(|import\(|\bprocess\b|\bBuffer\b/);
  expect(readFileSync(join(ROOT, 'dist/libs/sdk/index.js'), 'utf8')).toContain('require("node:'); // what the line above would find
});

test('in the realm of an edge worker it calls, streams and reads sessions of the running bridge', async () => {
  const { module, touched } = inWorker();
  await agent('edge', [says('hello edge')]);
  await agent('edge-stream', [streams(['é', '😀'], 'done')], { streaming: true });
  const client = new module.BridgeClient(options());
  expect(await client.call({ agent_name: 'edge', prompt: 'hi', session_id: 'edge-session', user_id: 'edge' }, { idempotencyKey: 'edge-key' })).toMatchObject({ response: 'hello edge' });
  let text = '';
  for await (const event of client.stream({ agent_name: 'edge-stream', prompt: 'hi' })) if (event.event === 'text') text += event.data.delta;
  expect(text).toBe('é😀');
  const { call_id: callId } = await client.callAsync({ agent_name: 'edge', prompt: 'later' });
  expect(await client.waitForCall(callId)).toMatchObject({ status: 'succeeded' });
  expect((await client.messages('edge-session', { limit: 1 })).messages).toHaveLength(1);
  await expect(client.agent('no such agent')).rejects.toBeInstanceOf(module.BridgeError);
  expect(touched).toEqual([]);
});

test.each(['process', 'Buffer', 'require', 'setImmediate'])('that realm notices a use of %s', (name) => {
  expect(inWorker(`typeof ${name}`).touched).toEqual([name]);
});
