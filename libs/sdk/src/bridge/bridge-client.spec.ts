import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createContext, runInContext } from 'node:vm';
import { ModuleKind, ScriptTarget, transpileModule } from 'typescript';
import { waitFor } from '@agentfleet/testing';
import type * as Bridge from './index';

interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly body: string | null;
}

/** What an edge worker has; no `process`, `Buffer`, `require` or any other Node built-in. */
const WORKER_GLOBALS = { AbortController, ReadableStream, TextDecoder, URL, clearTimeout, setTimeout };

/** The client's own modules, run in a realm that has the globals of a worker and nothing else. */
function loadInWorker(fetch: (input: string, init: RequestInit) => Promise<Response>): typeof Bridge {
  const context = createContext({ ...WORKER_GLOBALS, fetch });
  const loaded = new Map<string, Record<string, unknown>>();
  const load = (name: string): Record<string, unknown> => {
    const known = loaded.get(name);
    if (known) return known;
    const exported: Record<string, unknown> = {};
    loaded.set(name, exported);
    const source = readFileSync(join(__dirname, `${name}.ts`), 'utf8');
    const { outputText } = transpileModule(source, { compilerOptions: { module: ModuleKind.CommonJS, target: ScriptTarget.ES2022 } });
    const run: unknown = runInContext(`(function (exports, require) {${outputText}\n})`, context);
    if (typeof run !== 'function') throw new Error('The module is no function');
    run(exported, (path: string) => {
      if (!path.startsWith('./')) throw new Error(`An edge worker has no module "${path}"`);
      return load(path.slice(2));
    });
    return exported;
  };
  return load('index') as unknown as typeof Bridge; // the same module, compiled anew in the bare realm
}

const asked: Asked[] = [];
function worker(...answers: (Response | Error)[]): { client: Bridge.BridgeClient; bridge: typeof Bridge } {
  asked.length = 0;
  const bridge = loadInWorker((url, init) => {
    asked.push({ method: init.method ?? '', url, headers: new Headers(init.headers), body: typeof init.body === 'string' ? init.body : null });
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    return answer instanceof Response ? Promise.resolve(answer) : Promise.reject(answer ?? new Error('no answer'));
  });
  return { bridge, client: new bridge.BridgeClient({ baseUrl: 'http://bridge:1/', apiKey: 'afk_x', retryForMs: 5000 }) };
}

const json = (status: number, body: object, headers = {}) => new Response(JSON.stringify(body), { status, headers });
const RESULT = { success: true, response: 'hi', call_id: 'call_1' };

it('uses no Node built-ins', () => {
  for (const file of readdirSync(__dirname).filter((name) => !name.includes('spec'))) {
    expect(readFileSync(join(__dirname, file), 'utf8')).not.toMatch(/from 'node:|require\(|\bprocess\b|\bBuffer\b/);
  }
});

it('calls with its credentials', async () => {
  const { client } = worker(json(200, RESULT));
  expect(await client.call({ agent_name: 'a', prompt: 'p' }, { correlationId: 'c-1' })).toEqual(RESULT);
  expect(asked[0]).toMatchObject({ method: 'POST', url: 'http://bridge:1/api/vps/call', body: '{"agent_name":"a","prompt":"p"}' });
  expect([asked[0]?.headers.get('x-api-key'), asked[0]?.headers.get('x-correlation-id'), asked[0]?.headers.get('idempotency-key')]).toEqual(['afk_x', 'c-1', null]);
});

it('repeats a call with a key when its answer is lost, and never one without', async () => {
  const { client } = worker(new Error('socket'), json(409, { code: 'call_in_progress', detail: 'busy' }), json(200, RESULT));
  expect(await client.call({ agent_name: 'a', prompt: 'p' }, { idempotencyKey: 'k' })).toEqual(RESULT);
  expect(asked.map(({ headers }) => headers.get('idempotency-key'))).toEqual(['k', 'k', 'k']);
  const once = worker(new Error('socket'), json(200, RESULT));
  await expect(once.client.call({ agent_name: 'a', prompt: 'p' })).rejects.toMatchObject({ status: 0, code: 'unreachable', message: 'The bridge could not be reached' });
  expect(asked).toHaveLength(1);
});

/** An answer that breaks off in its body. */
const broken = () => new Response(new ReadableStream({ start: (controller) => controller.error(new Error('socket')) }), { status: 200 });

it('repeats a call with a key when its answer breaks off in the body, and never one without', async () => {
  const { client } = worker(broken(), json(200, RESULT));
  expect(await client.call({ agent_name: 'a', prompt: 'p' }, { idempotencyKey: 'k' })).toEqual(RESULT);
  expect(asked).toHaveLength(2);
  const once = worker(broken(), json(200, RESULT));
  await expect(once.client.call({ agent_name: 'a', prompt: 'p' })).rejects.toMatchObject({ status: 0, code: 'cut_off' });
  expect(asked).toHaveLength(1);
});

it('a signal ends the pause before a repetition', async () => {
  const { client } = worker(json(503, { code: 'overloaded', detail: 'busy' }, { 'retry-after': '20' }));
  const giveUp = new AbortController();
  const calling = client.call({ agent_name: 'a', prompt: 'p' }, { idempotencyKey: 'k', signal: giveUp.signal });
  await waitFor('the first try', () => asked.length === 1);
  giveUp.abort(new Error('enough'));
  await expect(calling).rejects.toThrow('enough');
  expect(asked).toHaveLength(1); // the pause is longer than this test may take
});

it('does not repeat an answer that could not be stored: it is in the error', async () => {
  const { client, bridge } = worker(json(503, { code: 'answer_not_stored', detail: 'not stored', result: RESULT }, { 'retry-after': '1' }));
  const error: unknown = await client.call({ agent_name: 'a', prompt: 'p' }, { idempotencyKey: 'k' }).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(bridge.BridgeError);
  expect(error).toMatchObject({ status: 503, code: 'answer_not_stored', details: { retryAfterSeconds: 1, body: { result: RESULT } } });
  expect(asked).toHaveLength(1);
});

it('escapes ids and leaves out what is not given', async () => {
  const { client } = worker(json(200, {}), json(200, {}), new Response(null, { status: 204 }));
  await client.session('a/b ?$😀', 5);
  await client.calls({ status: 'failed', cursor: 'x=' });
  await client.removeAgent('x');
  expect(asked.map(({ method, url }) => `${method} ${url.slice(23)}`)).toEqual(['GET /sessions/a%2Fb%20%3F%24%F0%9F%98%80?message_limit=5', 'GET /calls?status=failed&cursor=x%3D', 'DELETE /agents/x']);
});

/** The text in pieces of one byte. */
function dripping(text: string): Response {
  const bytes = new TextEncoder().encode(text);
  let at = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (at < bytes.length) controller.enqueue(bytes.slice(at, ++at));
      else controller.close();
    },
  });
  return new Response(body, { status: 200, headers: { 'content-type': 'text/event-stream' } });
}

const event = (name: string, data: object) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;

it('reads a stream however it is cut, and ends with its last event', async () => {
  const { client } = worker(dripping(`: still here\n\n${event('text', { agent: 'a', delta: 'hé😀\n' })}${event('later', {})}${event('done', RESULT)}${event('text', {})}`));
  const seen: unknown[] = [];
  for await (const one of client.stream({ agent_name: 'a', prompt: 'p' })) seen.push(one);
  expect(seen).toEqual([
    { event: 'text', data: { agent: 'a', delta: 'hé😀\n' } },
    { event: 'done', data: RESULT },
  ]);
});

it('an event that is no JSON counts as broken off', async () => {
  const { client } = worker(dripping('event: text\ndata: {"agent":\n\n'));
  const reading = async () => {
    for await (const one of client.stream({ agent_name: 'a', prompt: 'p' })) throw new Error(one.event);
  };
  await expect(reading()).rejects.toMatchObject({ code: 'cut_off' });
});

it('says so when a stream breaks off', async () => {
  const { client } = worker(dripping(event('text', { agent: 'a', delta: 'x' })));
  const reading = async () => {
    for await (const one of client.stream({ agent_name: 'a', prompt: 'p' })) expect(one.event).toBe('text');
  };
  await expect(reading()).rejects.toMatchObject({ code: 'cut_off' });
});
