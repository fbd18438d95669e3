import { bootApp, type RunningApp } from '@agentfleet/platform';
import { FakeAgent, says, type TestDatabase, testDatabase, waitFor } from '@agentfleet/testing';
import { vpsBridgeApp } from '../app';
import { BridgeCaller } from '../bridge.fixture';
import { Cable } from './cable.fixture';

const KEY = 'a-static-key-of-the-bridge';
let database: TestDatabase;
let cable: Cable;
let running: RunningApp;
let bridge: BridgeCaller;
let agent: FakeAgent;
let waiting: (() => void)[] = [];

beforeAll(async () => {
  database = await testDatabase();
  cable = await Cable.to(database.mongodbUri);
  running = await bootApp(vpsBridgeApp, { env: { ...database.env, MONGODB_URI: cable.mongodbUri, BRIDGE_API_KEY: KEY, LOG_LEVEL: 'silent' } });
  await running.services.lifecycle.whenReady();
  bridge = new BridgeCaller(running.url, { 'X-API-Key': KEY });
  agent = await FakeAgent.start((request, response) => void waiting.push(() => says('the answer')(request, response)));
  expect((await bridge.register('a', agent.port)).status).toBe(201);
});

afterAll(async () => {
  cable.putBack();
  await running.close();
  await cable.close();
  await agent.stop();
  await database.drop();
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
