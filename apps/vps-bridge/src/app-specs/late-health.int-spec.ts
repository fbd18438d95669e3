import { Cable, json, says, waitFor } from '@agentfleet/testing';
import type { HealthDocument } from '../health-records/health.schema';
import { BridgeCaller } from './bridge.fixture';
import { BridgeProcess } from './bridge-process.fixture';
import { TwoBridges } from './two-bridges.fixture';

const KEY = 'a-static-key-of-the-bridge';
let two: TwoBridges;

beforeAll(async () => {
  two = await TwoBridges.start();
});
afterAll(() => two.stop());

const health = async (name: string, from = two.one) => (await from.get(`/api/vps/health/${name}`)).body;
const record = async (name: string) => (await two.database.db.collection<HealthDocument>('vps_agent_health').findOne({ name }))!;
/** A second, and what a busy machine adds to it. */
const SOON = { timeoutMs: 1500 };

it('an outcome counts at once where it was seen, in every view, and within a second elsewhere', async () => {
  const { name } = await two.agentWith({ max_retries: 1 }, json(500, {}));
  for (let n = 1; n <= 2; n++) {
    await two.one.call(name);
    expect(await health(name)).toMatchObject({ total_requests: n, total_failures: n, consecutive_failures: n, status: 'unhealthy' });
  }
  await waitFor('the other replica to show it', async () => (await health(name, two.other))['total_failures'] === 2, SOON);
  await two.one.call(name);
  expect((await two.one.get('/api/vps/health')).body).toMatchObject({ unhealthy_agents: 1, error_rate: 100 });
  expect((await two.one.get('/api/vps/status')).body).toMatchObject({ status: 'degraded', unhealthy_agents: 1 });
  expect(await health(name)).toMatchObject({ circuit: { state: 'open' } });
  await waitFor('the other replica to know the circuit', async () => ((await health(name, two.other))['circuit'] as { state: string }).state === 'open', SOON);
});

it('failures on two replicas add up to an open circuit on both', async () => {
  const backup = await two.agent(says('backup'));
  const { name, agent } = await two.agentWith({ max_retries: 1, fallback_agents: [backup.name] }, json(500, {}));
  await Promise.all([two.one.call(name), two.other.call(name), two.one.call(name)]);
  const skips = async (from: BridgeCaller) => ((await from.call(name)).body['attempts'] as { skipped: string | null }[])[0]?.skipped === 'circuit_open';
  for (const from of [two.one, two.other]) await waitFor('the circuit', () => skips(from), SOON);
  expect(agent.requests.length).toBeLessThanOrEqual(6);
});

it('registering at another address keeps what was counted just before', async () => {
  const { name } = await two.agentWith({ max_retries: 1 }, json(500, {}));
  await two.one.call(name);
  const moved = await two.fakeAgent(says('moved'));
  await two.one.register(name, moved.port);
  expect(await health(name, two.other)).toMatchObject({ total_requests: 1, total_failures: 1, consecutive_failures: 0 });
});

it('what waits is written at SIGTERM', async () => {
  const { name } = await two.agent(says('answer'));
  const third = await two.boot();
  for (let n = 0; n < 5; n++) await two.caller(2).call(name);
  await two.end(third);
  expect((await record(name)).state).toMatchObject({ requests: 5, failures: 0 });
});

it('kill -9 loses what was counted in the last moment at most', async () => {
  const bridge = await BridgeProcess.start({ ...two.database.env, BRIDGE_API_KEY: KEY, LOG_LEVEL: 'silent' });
  try {
    const caller = new BridgeCaller(bridge.url, { 'X-API-Key': KEY });
    const { name } = await two.agent(says('answer'));
    for (let n = 0; n < 5; n++) await caller.call(name);
    await waitFor('them to be written', async () => (await record(name)).state.requests === 5, SOON);
    await caller.call(name);
    await bridge.kill();
    const { requests, failures } = (await record(name)).state;
    expect([requests === 5 || requests === 6, failures]).toEqual([true, 0]);
    await two.one.call(name);
    expect(await health(name)).toMatchObject({ total_requests: requests + 1, total_failures: 0 });
  } finally {
    await bridge.kill();
  }
});

it('a call without a session waits for no storage; what it counted is written once when storage is back', async () => {
  const cable = await Cable.to(two.database.mongodbUri);
  try {
    const waiting: (() => void)[] = [];
    const { name } = await two.agent((request, response) => void waiting.push(() => says('answer')(request, response)));
    const far = await two.boot({ MONGODB_URI: cable.mongodbUri });
    const calls = Promise.all(Array.from({ length: 3 }, () => two.caller(two.replicas.indexOf(far)).call(name)));
    await waitFor('the agent to be asked', () => waiting.length === 3);
    cable.pull();
    waiting.forEach((answer) => answer());
    for (const { status, body } of await calls) expect([status, body['success']]).toEqual([200, true]);
    expect((await record(name)).state.requests).toBe(0);
    cable.putBack();
    await waitFor('the outcomes', async () => (await record(name)).state.requests === 3);
    await two.end(far);
    expect((await record(name)).state).toMatchObject({ requests: 3, failures: 0 });
  } finally {
    cable.putBack();
    await cable.close();
  }
});
