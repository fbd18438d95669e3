import { bootApp, type RunningApp } from '@agentfleet/platform';
import { bootReplicas, FakeAgent, json, says, waitFor, type Replicas } from '@agentfleet/testing';
import { vpsBridgeApp } from '../app';
import { BridgeCaller, deadPort } from './bridge.fixture';

const KEY = { 'X-API-Key': 'a-static-key-of-the-bridge' };
const SEEN_WITHIN_MS = 1500; // a second, and what a busy machine adds to it

let fleet: Replicas<typeof vpsBridgeApp, RunningApp>;
let one: BridgeCaller;
let other: BridgeCaller;
const agents: FakeAgent[] = [];

beforeAll(async () => {
  fleet = await bootReplicas(bootApp, vpsBridgeApp, 2, { REDIS_URL: `redis://127.0.0.1:${await deadPort()}`, BRIDGE_API_KEY: KEY['X-API-Key'], VPS_BACKOFF_BASE_MS: '5' });
  [one, other] = [new BridgeCaller(fleet.first.url, KEY), new BridgeCaller(fleet.at(1).url, KEY)];
});
afterAll(async () => {
  await Promise.all(agents.map((agent) => agent.stop()));
  await fleet.close();
});

async function agent(...behaviours: Parameters<typeof FakeAgent.start>): Promise<{ name: string; agent: FakeAgent }> {
  const started = await FakeAgent.start(...behaviours);
  agents.push(started);
  const name = `agent-${agents.length}`;
  expect((await one.register(name, started.port, { max_retries: 1 })).status).toBe(201);
  return { name, agent: started };
}
const seen = (what: string, probe: () => Promise<boolean>) => waitFor(what, probe, { timeoutMs: SEEN_WITHIN_MS });

it('says that it is degraded, and serves', async () => {
  const health = await one.get('/health');
  expect([health.status, health.body['status'], health.body['checks']]).toEqual([200, 'degraded', { mongodb: 'up', redis: 'down' }]);
  const ready = await one.get('/health/ready');
  expect([ready.status, ready.body['status']]).toEqual([200, 'degraded']);
});

it('a new agent is callable everywhere at once; replacements and removals are seen within a second', async () => {
  const { name } = await agent(says('first'));
  expect((await other.call(name)).body['response']).toBe('first');
  const moved = await agent(says('second'));
  await one.register(name, moved.agent.port);
  expect((await one.call(name)).body['response']).toBe('second');
  await seen('the replacement', async () => (await other.call(name)).body['response'] === 'second');
  await one.ask('DELETE', `/api/vps/agents/${name}`);
  expect((await one.call(name)).body['error_code']).toBe('not_registered');
  await seen('the removal', async () => (await other.call(name)).body['error_code'] === 'not_registered');
});

it('circuits that open and close are seen within a second', async () => {
  const backup = await agent(says('backup'));
  const { name, agent: sick } = await agent(json(500, {}));
  await one.register(name, sick.port, { max_retries: 1, fallback_agents: [backup.name] });
  for (let n = 0; n < 3; n++) await one.call(name);
  const skipped = async (caller: BridgeCaller) => ((await caller.call(name)).body['attempts'] as { skipped: string | null }[])[0]?.skipped === 'circuit_open';
  expect(await skipped(one)).toBe(true);
  await seen('the open circuit', () => skipped(other));
  sick.behave(says('well again'));
  await one.ask('POST', `/api/vps/health/${name}/reset`);
  expect((await one.call(name)).body['response']).toBe('well again');
  await seen('the reset', async () => (await other.call(name)).body['response'] === 'well again');
});

it('asynchronous and keyed calls run once', async () => {
  const { name, agent: asked } = await agent(says('done'));
  const accepted = await one.ask('POST', '/api/vps/call/async', { body: { agent_name: name, prompt: 'p' } });
  expect(accepted.status).toBe(202);
  await waitFor('the call', async () => (await other.get(`/api/vps/calls/${String(accepted.body['call_id'])}`)).body['status'] === 'succeeded');
  const keyed = (caller: BridgeCaller) => caller.ask('POST', '/api/vps/call', { body: { agent_name: name, prompt: 'p' }, headers: { 'Idempotency-Key': 'k' } });
  expect((await keyed(other)).body).toEqual((await keyed(one)).body);
  expect(asked.requests).toHaveLength(2);
});

it.each([
  ['deleted', () => one.ask('DELETE', '/api/vps/sessions/deleted')],
  ['replaced', () => one.ask('POST', '/api/vps/sessions/import', { body: { sessions: { replaced: { session_id: 'replaced', user_id: 'anna', created_at: '2026-02-18T21:30:00Z', messages: [] } } } })],
])('a call that begins after its session was %s on another replica is stored whole', async (sessionId, change) => {
  const { name } = await agent(says('answer'));
  for (let n = 0; n < 10; n++) {
    expect((await other.call(name, { session_id: sessionId, user_id: 'anna' })).body['success']).toBe(true); // now it knows the session
    expect((await change()).status).toBeLessThan(300);
    expect((await other.call(name, { session_id: sessionId, user_id: 'anna', prompt: `p${n}` })).body['success']).toBe(true);
    expect((await one.get(`/api/vps/sessions/${sessionId}`)).body).toMatchObject({ total_messages: 2, messages: [{ content: `p${n}` }, { content: 'answer' }] });
  }
});
