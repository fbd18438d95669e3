import { json, says, waitFor } from '@agentfleet/testing';
import { deadPort } from '../app-specs/bridge.fixture';
import { TwoBridges } from '../app-specs/two-bridges.fixture';

let two: TwoBridges;
const INTERVAL_MS = 600;

beforeAll(async () => {
  two = await TwoBridges.start({ VPS_PROBE_INTERVAL_MS: String(INTERVAL_MS), VPS_CIRCUIT_COOLDOWN_MS: '60000', VPS_CIRCUIT_COOLDOWN_MAX_MS: '60000' });
});
afterAll(() => two.stop());

const health = async (name: string) => (await two.other.get(`/api/vps/health/${name}`)).body;

it('an agent that refused connections is back within one interval, on every replica', async () => {
  const port = await deadPort();
  await two.one.register('away', port, { max_retries: 1, auth_token: 'tok-SECRET' });
  for (let n = 0; n < 5; n++) await two.one.call('away');
  await waitFor('the other replica to know it', async () => (await health('away'))['status'] === 'unreachable');
  expect(await health('away')).toMatchObject({ status: 'unreachable', circuit: { state: 'open' } });
  const probed = await waitFor('a probe', async () => (await health('away'))['last_probe']);
  expect(probed).toMatchObject({ reached: false, status_code: null, error_code: 'refused' });
  expect(await health('away')).toMatchObject({ status: 'unreachable', total_requests: 5 });

  const agent = await two.fakeAgent((request, response) => (request.path === '/health' ? json(404, {}) : says('back'))(request, response));
  const port2 = agent.port;
  await two.database.db.collection('vps_agents').updateOne({ name: 'away' }, { $set: { port: port2 } }); // as if it came back at its old port
  await waitFor('the agent to be seen', async () => (await health('away'))['status'] === 'degraded', { timeoutMs: 1000 + 2 * INTERVAL_MS });
  const back = await health('away');
  expect(back).toMatchObject({ status: 'degraded', total_requests: 5, total_failures: 5, consecutive_failures: 5, last_probe: { reached: true, status_code: 404, error_code: null }, circuit: { state: 'open' } });
  const { retry_at } = back['circuit'] as { retry_at: string };
  expect(Date.parse(retry_at)).toBeLessThanOrEqual(Date.now());
  const probe = agent.requests.find(({ path }) => path === '/health');
  expect(probe?.headers['authorization']).toBeUndefined();
  expect((await two.other.call('away')).body).toMatchObject({ success: true, response: 'back', attempts: [{ forced: false }] });
  expect(await health('away')).toMatchObject({ status: 'healthy', circuit: { state: 'closed' } });
});

it('agents in other states are left alone; one that answers 500 was not reached', async () => {
  const failing = await two.agentWith({ max_retries: 1 }, json(500, {}));
  for (let n = 0; n < 6; n++) await two.one.call(failing.name);
  const sick = await two.fakeAgent(json(500, {}));
  await two.one.register('sick', await deadPort(), { max_retries: 1 });
  for (let n = 0; n < 5; n++) await two.one.call('sick');
  await two.database.db.collection('vps_agents').updateOne({ name: 'sick' }, { $set: { port: sick.port } });
  await waitFor('a probe that got an answer', async () => {
    const { last_probe } = await health('sick');
    return (last_probe as { status_code: number } | null)?.status_code === 500;
  });
  expect(await health('sick')).toMatchObject({ status: 'unreachable', last_probe: { reached: false, error_code: 'http_500' } });
  expect(failing.agent.requests.filter(({ path }) => path === '/health')).toHaveLength(0);
});

it('one replica probes at a time', async () => {
  const sick = two.agents.at(-1)!;
  const from = sick.requests.length;
  const startedAt = performance.now();
  await waitFor('some probes', () => sick.requests.length >= from + 3);
  expect(performance.now() - startedAt).toBeGreaterThan(2 * 0.85 * INTERVAL_MS);
});
