import { DEFAULT_ORGANIZATION_ID } from '@agentfleet/contracts';
import { json, says, waitFor } from '@agentfleet/testing';
import { deadPort } from './bridge.fixture';
import { TwoBridges } from './two-bridges.fixture';

interface Heard {
  readonly pattern: string;
  readonly data: Readonly<Record<string, unknown>>;
}

let two: TwoBridges;
let heard: Heard[] = [];
let ear: ReturnType<TwoBridges['replicas'][number]['services']['bus']['redis']['duplicate']>;

beforeAll(async () => {
  two = await TwoBridges.start({ VPS_PROBE_INTERVAL_MS: '200' });
  const { bus } = two.replicas[0]!.services;
  ear = bus.redis.duplicate();
  await ear.connect();
  ear.on('pmessage', (_pattern: string, channel: string, text: string) => {
    const message: { data: Heard['data'] } = JSON.parse(text);
    heard.push({ pattern: channel.slice(bus.prefix.length), data: message.data });
  });
  await ear.psubscribe(`${bus.prefix}vps.*`, `${bus.prefix}key.used`, `${bus.prefix}audit.recorded`);
});
beforeEach(() => {
  heard = [];
});
afterAll(async () => {
  ear.disconnect();
  await two.stop();
});

const ORG = { orgId: DEFAULT_ORGANIZATION_ID };
const AT = expect.stringMatching(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/);
const CLOSED = { state: 'closed', opened_at: null, retry_at: null };
const of = (pattern: string) => heard.filter((one) => one.pattern === pattern).map(({ data }) => data);
const hear = (pattern: string, count: number) => waitFor(`${count} of ${pattern}`, () => (of(pattern).length >= count ? of(pattern) : null));

it('tells of agents that come, change, are reset and go', async () => {
  await two.one.register('a', 80);
  await two.one.register('a', 81);
  await two.one.ask('POST', '/api/vps/health/a/reset');
  await two.one.ask('DELETE', '/api/vps/agents/a');
  expect(await hear('vps.agent.changed', 4)).toEqual(['registered', 'updated', 'reset', 'deleted'].map((change) => ({ ...ORG, agentName: 'a', change, at: AT })));
  expect(of('vps.health.changed')).toEqual([]);
  const recorded = await hear('audit.recorded', 4);
  expect(recorded.map(({ action }) => action)).toEqual(['vps_agent.register', 'vps_agent.update', 'vps_agent.reset_health', 'vps_agent.delete']);
  expect(recorded[0]).toEqual({ ...ORG, auditId: expect.any(String), action: 'vps_agent.register', target: { type: 'vps_agent', id: expect.any(String), name: 'a' }, actor: { kind: 'key', id: 'static:bridge', name: 'BRIDGE_API_KEY' }, at: AT });
});

it('tells of every change of status or circuit, also those by a reset or another address, and of nothing else', async () => {
  const { name, agent } = await two.agentWith({ max_retries: 1 }, json(500, {}));
  for (let n = 0; n < 3; n++) await two.one.call(name);
  const open = { state: 'open', opened_at: AT, retry_at: AT };
  expect(await hear('vps.health.changed', 2)).toEqual([
    { ...ORG, agentName: name, from: 'healthy', to: 'unhealthy', circuit: CLOSED, at: AT },
    { ...ORG, agentName: name, from: 'unhealthy', to: 'unhealthy', circuit: open, at: AT },
  ]);
  await two.one.ask('POST', `/api/vps/health/${name}/reset`);
  expect((await hear('vps.health.changed', 3))[2]).toEqual({ ...ORG, agentName: name, from: 'unhealthy', to: 'healthy', circuit: CLOSED, at: AT });
  for (let n = 0; n < 3; n++) await two.one.call(name);
  await hear('vps.health.changed', 5);
  const moved = await two.agent(says('moved'));
  await two.one.register(name, moved.agent.port);
  expect((await hear('vps.health.changed', 6))[5]).toEqual({ ...ORG, agentName: name, from: 'unhealthy', to: 'healthy', circuit: CLOSED, at: AT });
  await two.one.call(name);
  await two.one.register(name, moved.agent.port, { timeout_seconds: 5 });
  await hear('vps.agent.changed', 5);
  expect(of('vps.health.changed')).toHaveLength(6);
  expect(agent.requests).toHaveLength(6);
});

it('tells when an unreachable agent is reached by a probe', async () => {
  const port = await deadPort();
  await two.one.register('dead', port, { max_retries: 1 });
  for (let n = 0; n < 5; n++) await two.one.call('dead');
  await waitFor('it to be unreachable', () => of('vps.health.changed').some(({ to }) => to === 'unreachable'));
  const { agent } = await two.agent(says('back'));
  await two.database.db.collection('vps_agents').updateOne({ name: 'dead' }, { $set: { port: agent.port } }); // the machine answers again
  const [reached] = await waitFor('the probe', () => {
    const found = of('vps.health.changed').filter(({ from }) => from === 'unreachable');
    return found.length > 0 ? found : null;
  });
  expect(reached).toEqual({ ...ORG, agentName: 'dead', from: 'unreachable', to: 'degraded', circuit: { state: 'open', opened_at: AT, retry_at: AT }, at: AT });
});

it('tells of sessions that are deleted, replaced or cleaned up', async () => {
  const { name } = await two.agent();
  const session = (session_id: string) => ({ session_id, user_id: 'u', created_at: '2026-02-18T21:30:00Z', messages: [] });
  for (const session_id of ['deleted', 'replaced']) await two.one.call(name, { session_id });
  await two.one.ask('DELETE', '/api/vps/sessions/deleted');
  await two.one.ask('POST', '/api/vps/sessions/import', { body: { sessions: { replaced: session('replaced'), stale: session('stale') } } });
  await two.one.ask('POST', '/api/vps/sessions/cleanup');
  const notices = await hear('vps.session.deleted', 4);
  expect(notices.slice(0, 2)).toEqual(['deleted', 'replaced'].map((sessionId) => ({ ...ORG, sessionId, at: AT })));
  expect(notices.slice(2).map(({ sessionId }) => sessionId).sort()).toEqual(['replaced', 'stale']);
});

it('tells which keys were used, at the latest when it ends', async () => {
  const { id, headers, orgId } = await two.identity.apiKey({ scopes: ['vps:read'] });
  const third = await two.boot();
  await two.caller(2, headers).get('/api/vps/agents');
  await two.end(third);
  const notice = await waitFor('the key', () => of('key.used').find(({ keyIds }) => Array.isArray(keyIds) && keyIds.includes(id)));
  expect(notice).toEqual({ orgId, keyIds: [id], at: AT });
});
