import { bootApp, type RunningApp } from '@agentfleet/platform';
import { bootReplicas, Cable, FakeAgent, says, waitFor, type Replicas } from '@agentfleet/testing';
import { vpsBridgeApp } from '../app';
import { BridgeCaller } from './bridge.fixture';

const KEY = 'a-static-key-of-the-bridge';
let fleet: Replicas<typeof vpsBridgeApp, RunningApp>;
let cable: Cable;
let bridge: BridgeCaller;
let agent: FakeAgent;
let waiting: (() => void)[] = [];

beforeAll(async () => {
  fleet = await bootReplicas(bootApp, vpsBridgeApp, 0, { BRIDGE_API_KEY: KEY });
  cable = await Cable.to(fleet.database.mongodbUri);
  const { url } = await fleet.boot({ MONGODB_URI: cable.mongodbUri });
  bridge = new BridgeCaller(url, { 'X-API-Key': KEY });
  agent = await FakeAgent.start((request, response) => void waiting.push(() => says('the answer')(request, response)));
  expect((await bridge.register('a', agent.port)).status).toBe(201);
});

afterAll(async () => {
  cable.putBack();
  await fleet.close();
  await cable.close();
  await agent.stop();
});

const asked = () => waitFor('the agent to be asked', () => waiting.length > 0);
function answer(): void {
  waiting.forEach((one) => one());
  waiting = [];
}

it('a call whose answer cannot be stored in time gives the answer all the same, as 503', async () => {
  const call = bridge.call('a', { session_id: 's1', deadline_seconds: 2 });
  await asked();
  cable.pull();
  answer();
  const { status, headers, body } = await call;
  expect([status, body['code']]).toEqual([503, 'answer_not_stored']);
  expect(headers.get('retry-after')).toMatch(/^[1-9]/);
  expect(body['result']).toMatchObject({ success: true, response: 'the answer', session_id: 's1' });
  expect(JSON.stringify(body)).not.toMatch(/mongo/i);
});

it('without storage nobody is called', async () => {
  const before = agent.requests.length;
  const { status, headers, body } = await bridge.call('a', { session_id: 's2' });
  expect([status, body['code']]).toEqual([503, 'storage_unavailable']);
  expect(headers.get('retry-after')).toMatch(/^[1-9]/);
  expect(agent.requests).toHaveLength(before);
  expect((await bridge.get('/api/vps/agents')).status).toBe(503);
  await waitFor('the health to show it', async () => (await bridge.get('/health')).status === 503);
});

it('an answer that breaks off in the middle does not look whole, and one that cannot begin is 503', async () => {
  cable.putBack();
  const messages = Array.from({ length: 40 }, (_, n) => ({ role: 'user', content: String(n).padEnd(500_000, 'x'), timestamp: '2026-02-18T21:30:00Z' }));
  const file = { sessions: { large: { session_id: 'large', user_id: 'u', created_at: '2026-02-18T21:30:00Z', messages } } };
  await waitFor('storage to be back', async () => (await bridge.ask('POST', '/api/vps/sessions/import', { body: file })).status === 200);
  for (const path of ['sessions/large', 'sessions/export']) {
    const response = await fetch(`${fleet.first.url}/api/vps/${path}`, { headers: { 'X-API-Key': KEY } });
    expect(response.status).toBe(200);
    cable.pull();
    expect(await response.text().then(() => 'whole', () => 'broken off')).toBe('broken off');
    await waitFor('the bridge to notice', async () => (await bridge.get('/health')).status === 503);
    const late = await bridge.get(`/api/vps/${path}`);
    expect([late.status, late.body['code']]).toEqual([503, 'storage_unavailable']);
    expect(late.headers.get('retry-after')).toMatch(/^[1-9]/);
    cable.putBack();
    await waitFor('storage to be back', async () => (await bridge.get('/api/vps/agents')).status === 200);
  }
});

it('a call that outlives an outage is stored exactly once', async () => {
  cable.putBack();
  const call = await waitFor('storage to be back', async () => {
    const pending = bridge.call('a', { session_id: 's3', prompt: 'p3' });
    const first = await Promise.race([pending, asked()]);
    return typeof first === 'object' && 'status' in first ? null : { pending };
  });
  cable.pull();
  answer();
  await waitFor('the bridge to notice', async () => (await bridge.get('/health')).status === 503);
  cable.putBack();
  expect((await call.pending).body).toMatchObject({ success: true, response: 'the answer' });
  expect((await bridge.get('/api/vps/sessions/s3')).body).toMatchObject({
    total_messages: 2,
    messages: [
      { role: 'user', content: 'p3' },
      { role: 'assistant', content: 'the answer' },
    ],
  });
  expect((await bridge.get('/api/vps/health/a')).body).toMatchObject({ total_failures: 0, consecutive_failures: 0 });
});
