import type { RunningApp } from '@agentfleet/platform';
import { waitFor } from '@agentfleet/testing';
import { ask, Client, newSession, TestGateway } from './gateway.fixture';

let gateway: TestGateway;
let replica: RunningApp;

beforeAll(async () => {
  gateway = await TestGateway.create({ GATEWAY_RATE_LIMIT_PER_SECOND: '0' });
  replica = await gateway.boot();
});
afterAll(() => gateway.close());

const HALF = '\\ud83d';
const PAIR = '\\ud83d\\ude00';

/** Every text field of a body; `*` stands for the text. */
const CREATE: readonly [string, string][] = [
  ['user_id', '{"user_id":"a*"}'],
  ['session_id', '{"session_id":"a*"}'],
  ['workspace_dir', '{"workspace_dir":"a*"}'],
  ['model', '{"model":"*"}'],
  ['agent_id', '{"agent_id":"*"}'],
  ['vps_agent', '{"vps_agent":"*"}'],
  ['engine', '{"engine":"*"}'],
  ['metadata', '{"metadata":{"a":[{"b":"*"}]}}'],
  ['metadata', '{"metadata":{"a":{"*":1}}}'],
  ['tool_policy', '{"tool_policy":{"tools":{"*":"deny"}}}'],
];
const RUN: readonly [string, string][] = [
  ['user_input', '"user_input":"Hi *"'],
  ['context', '"user_input":"Hi","context":{"a":[["*"]]}'],
  ['context', '"user_input":"Hi","context":{"*":1}'],
  ['metadata', '"user_input":"Hi","metadata":{"a":"*"}'],
];

it.each(CREATE)('POST /sessions refuses half a pair in %s: %s', async (field, body) => {
  const answer = await ask(replica, 'POST', '/sessions', body.replace('*', HALF));
  expect([answer.status, answer.body]).toMatchObject([422, { code: 'validation_failed', errors: [{ field }] }]);
  expect(answer.text).not.toMatch(/\\ud83d|\ufffd/);
});

it.each(RUN)('a run refuses half a pair in %s: %s', async (field, fields) => {
  const id = await newSession(replica);
  const answer = await ask(replica, 'POST', `/sessions/${id}/runs`, `{${fields.replace('*', HALF)}}`);
  expect([answer.status, answer.body]).toMatchObject([422, { code: 'validation_failed', errors: [{ field }] }]);
  const client = await Client.open(replica, id);
  client.send(`{"action":"execute",${fields.replace('*', HALF)}}`);
  expect((await client.frame('error')).frame.data).toMatchObject({ code: 'bad_frame', field });
  client.close();
  expect((await ask(replica, 'GET', `/sessions/${id}/runs`)).body).toEqual({ runs: [] });
});

it('reasons, keys and unknown actions are refused too; nothing sends a half back', async () => {
  const id = await newSession(replica);
  expect((await ask(replica, 'POST', `/sessions/${id}/cancel`, `{"reason":"${HALF}"}`)).body).toMatchObject({ errors: [{ field: 'reason' }] });
  const client = await Client.open(replica, id);
  for (const frame of [`{"action":"cancel","reason":"${HALF}"}`, `{"action":"execute","user_input":"x","idempotency_key":"${HALF}"}`, `{"action":"${HALF}"}`, `{"action":"${'x'.repeat(63)}${PAIR}"}`, `{"action":"${'x'.repeat(127)}${PAIR}"}`]) {
    const before = client.received.length;
    client.send(frame);
    const { text } = await waitFor('an answer', () => client.received[before]);
    expect(text).toContain('bad_frame');
    expect(text).not.toContain(HALF);
  }
  client.close();
});

it('whole pairs are kept everywhere, the same at create and at read', async () => {
  const body = `{"user_id":"a${PAIR}","metadata":{"${PAIR}":["${PAIR}"]},"workspace_dir":"w${PAIR}"}`;
  const created = await ask(replica, 'POST', '/sessions', body);
  expect(created.body).toMatchObject({ user_id: 'a😀', metadata: { '😀': ['😀'] } });
  expect((await ask(replica, 'GET', `/sessions/${String(created.body['session_id'])}`)).text).toBe(created.text);
});
