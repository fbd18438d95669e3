import type { RunningApp } from '@agentfleet/platform';
import { jsonItems as many, processorTimeGrowth, waitFor } from '@agentfleet/testing';
import { ask, Client, newSession, TestGateway } from './gateway.fixture';

const MIB = 1024 * 1024;
let gateway: TestGateway;
let replica: RunningApp;
let client: Client;
let sessionId: string;

beforeAll(async () => {
  gateway = await TestGateway.create({ GATEWAY_RATE_LIMIT_PER_SECOND: '0', GATEWAY_MAX_BODY_BYTES: String(16 * MIB), GATEWAY_WS_MAX_PAYLOAD_BYTES: String(16 * MIB), LOG_LEVEL: 'silent' });
  replica = await gateway.boot();
  sessionId = await newSession(replica);
  client = await Client.open(replica, sessionId);
});
afterAll(async () => {
  client.close();
  await gateway.close();
});

async function frame(text: string): Promise<void> {
  const before = client.received.length;
  client.send(text);
  await waitFor('an answer', () => client.received[before], { timeoutMs: 10_000 });
}

// refused at the end, so that nothing starts and everything is read
const WRONG = '"max_iterations":0,"user_id":5,"reason":5,"action":"execute"';
const BODIES: readonly [name: string, fields: (size: number) => string][] = [
  ['unknown keys', (size) => many(size, (n) => `"k${n}":1`)],
  ['unknown objects', (size) => `"x":[${many(size, (n) => `{"k${n}":{}}`)}]`],
  ['keys of free objects', (size) => `"user_input":"x","metadata":{${many(size, (n) => `"${n}":1`)}},"context":{${many(size, (n) => `"${n}":1`)}}`],
  ['entries of free objects', (size) => `"user_input":"x","metadata":{"a":[${many(size, (n) => `"\\u00e4${n}"`)}]},"context":{"a":[${many(size, (n) => `{"é":${n}}`)}]}`],
  ['nested free objects', (size) => `"user_input":"x","metadata":{"a":[${many(size / 20, () => `${'['.repeat(50)}${']'.repeat(50)}`)}]}`],
  ['rules', (size) => `"tool_policy":{"default":"auto","tools":{${many(size, (n) => `"t${n}":"deny"`)}}},"limits":{${many(size, (n) => `"l${n}":1`)}}`],
  ['texts', (size) => `"user_input":"${'😀'.repeat(20 * size)}","model":"${'é'.repeat(20 * size)}","session_id":"${'x'.repeat(20 * size)}","workspace_dir":"${'/..'.repeat(20 * size)}"`],
  ['blanks', (size) => `"user_input":"${' '.repeat(100 * size)}","idempotency_key":"${' '.repeat(100 * size)}"`],
];

const SIZES = { from: 2_400, to: 9_600, noiseMs: 15 };

it.each(BODIES)('%s cost no more than in proportion to their number', async (_name, fields) => {
  for (const path of ['/sessions', `/sessions/${sessionId}/runs`, `/sessions/${sessionId}/cancel`]) {
    const work = (size: number) => ask(replica, 'POST', path, `{${fields(size)},${WRONG}}`);
    expect([path, await processorTimeGrowth({ ...SIZES, work })]).toEqual([path, 'in proportion']);
  }
  expect(await processorTimeGrowth({ ...SIZES, work: (size) => frame(`{${fields(size)},${WRONG}}`) })).toBe('in proportion');
}, 120_000);
