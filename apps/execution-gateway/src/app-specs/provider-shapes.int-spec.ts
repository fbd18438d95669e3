import { createServer, type Server, type ServerResponse } from 'node:http';
import { isJsonObject, isWellFormedJson, type JsonObject } from '@agentfleet/contracts';
import type { RunningApp } from '@agentfleet/platform';
import { waitFor } from '@agentfleet/testing';
// eslint-disable-next-line @nx/enforce-module-boundaries -- helpers of the engine's specs: the same shapes and rules, end to end
import { CALL_SHAPES, line, piece, STREAM_SHAPES, WRONG_CALL_SHAPES, type ProviderShape } from '../../../../libs/engine/src/model/provider-shapes.fixture';
// eslint-disable-next-line @nx/enforce-module-boundaries -- as above
import { complaints } from '../../../../libs/engine/src/transcript/provider-rules.fixture';
import { ask, newSession, TestGateway } from './gateway.fixture';

const SHAPES = [...STREAM_SHAPES, ...CALL_SHAPES, ...WRONG_CALL_SHAPES];
const THOUGHTFUL: ProviderShape = {
  name: 'thoughts and a signature',
  bodies: [
    line(piece({ reasoning_content: 'Let me look' })) +
      line(piece({ tool_calls: [{ index: 0, id: 'c1', function: { name: 'ListDir', arguments: '{}' }, extra_content: { google: { thought_signature: 'sig==' } } }] })) +
      line(piece({}, 'tool_calls')),
    line(piece({ content: 'Hi' }, 'stop')),
  ],
  reason: 'stop',
  output: 'Hi',
};

const CALL = line(piece({ content: '\n\n', tool_calls: [{ index: 0, id: 'call_0', function: { name: 'ListDir', arguments: '{}' } }] }, 'tool_calls'));
const ENDLESS: ProviderShape = { name: 'calls without end', bodies: [CALL], reason: 'error' };
const BROKEN: ProviderShape = { name: 'a call, then nothing', bodies: [CALL, ''], reason: 'error' };

let gateway: TestGateway;
let replica: RunningApp;
let provider: Server;
const refusals: string[] = [];
const requests: JsonObject[] = [];

beforeAll(async () => {
  provider = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => answer(JSON.parse(Buffer.concat(chunks).toString()), response));
  });
  await new Promise<void>((resolve) => provider.listen(0, '127.0.0.1', resolve));
  const address = provider.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  gateway = await TestGateway.create({ GATEWAY_RATE_LIMIT_PER_SECOND: '0', MODEL_BASE_URL: `http://127.0.0.1:${port}/v1`, MODEL_NAME: 'm' });
  replica = await gateway.boot();
});
afterAll(async () => {
  await gateway.close();
  await new Promise((resolve) => {
    provider.close(resolve);
    provider.closeAllConnections();
  });
});

/** As strict as all providers together; an input that names a shape is answered in it, any other one healthily. */
function answer(body: unknown, response: ServerResponse): void {
  const problems = complaints(body);
  refusals.push(...problems);
  if (isJsonObject(body)) requests.push(body);
  if (problems.length > 0) return void response.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify({ error: { message: problems.join('; ') } }));
  const messages = isJsonObject(body) && Array.isArray(body['messages']) ? body['messages'].filter((message: unknown) => isJsonObject(message)) : [];
  const at = messages.findLastIndex((message) => message['role'] === 'user');
  const rounds = messages.slice(at + 1).filter((message) => message['role'] === 'assistant').length;
  const shape = [...SHAPES, THOUGHTFUL, ENDLESS, BROKEN].find(({ name }) => messages[at]?.['content'] === `shape: ${name}`);
  const bodies = shape?.bodies ?? [line(piece({ content: 'Fine' }, 'stop'))];
  response.writeHead(200, { 'content-type': 'text/event-stream', ...shape?.headers }).end(bodies[Math.min(rounds, bodies.length - 1)]);
}

async function run(sessionId: string, input: string, more: object = {}): Promise<JsonObject> {
  const started = await ask(replica, 'POST', `/sessions/${sessionId}/runs`, { user_input: input, ...more });
  expect(started.status).toBe(202);
  return waitFor(`the end of ${input}`, async () => {
    const { body } = await ask(replica, 'GET', `/sessions/${sessionId}/runs/${String(started.body['run_id'])}`);
    return body['ended_at'] ? body : undefined;
  }, { timeoutMs: 30_000 });
}

const AT_ONCE = 10;
const GROUPS = Array.from({ length: Math.ceil(SHAPES.length / AT_ONCE) }, (_, at) => SHAPES.slice(at * AT_ONCE, (at + 1) * AT_ONCE));

it.each(GROUPS.map((group) => [group[0]?.name, group] as const))('after runs on %s and the next shapes their sessions go on', async (_first, group) => {
  await Promise.all(group.map(goesOn));
});

async function goesOn(shape: ProviderShape): Promise<void> {
  const id = await newSession(replica);
  const { reason, output, error } = await run(id, `shape: ${shape.name}`);
  expect([shape.name, reason, output, isJsonObject(error) ? error['code'] : undefined]).toEqual([shape.name, shape.reason, shape.output, shape.code]);
  expect([shape.name, await run(id, 'Go on')]).toMatchObject([shape.name, { reason: 'stop', output: 'Fine' }]);
  for (const path of ['events', 'messages', 'runs']) expect(isWellFormedJson((await ask(replica, 'GET', `/sessions/${id}/${path}`)).body)).toBe(true);
  expect(refusals).toEqual([]);
}

it('what a provider wants back is stored, sent again in later runs, and not shown', async () => {
  const id = await newSession(replica);
  await run(id, `shape: ${THOUGHTFUL.name}`);
  requests.length = 0;
  await run(id, 'Go on');
  expect(requests[0]).toMatchObject({
    messages: expect.arrayContaining([
      expect.objectContaining({ role: 'assistant', reasoning_content: 'Let me look', tool_calls: [expect.objectContaining({ id: 'c1', extra_content: { google: { thought_signature: 'sig==' } } })] }),
    ]),
  });
  const messages = await ask(replica, 'GET', `/sessions/${id}/messages`);
  expect(messages.text).not.toMatch(/sig==|Let me look/);
});

it('an input with context is sent as one text, in its run and in later ones', async () => {
  const id = await newSession(replica);
  expect(await run(id, 'Hello', { context: { open_file: 'a.ts' } })).toMatchObject({ reason: 'stop', output: 'Fine' });
  expect(await run(id, 'Go on')).toMatchObject({ reason: 'stop', output: 'Fine' });
  expect(requests.at(-1)).toMatchObject({ messages: expect.arrayContaining([{ role: 'user', content: 'Context:\n{"open_file":"a.ts"}\n\nHello' }]) });
  expect(refusals).toEqual([]);
});

it.each([
  ['ends at its limit', ENDLESS, 'max_iterations'],
  ['fails behind its results', BROKEN, 'error'],
])('a run that %s leaves a session that goes on', async (_how, shape, reason) => {
  const id = await newSession(replica, { limits: { max_iterations: 2 } });
  expect(await run(id, `shape: ${shape.name}`)).toMatchObject({ reason });
  expect(await run(id, 'Go on')).toMatchObject({ reason: 'stop', output: 'Fine' });
  expect(refusals).toEqual([]);
});
