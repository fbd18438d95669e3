import { bootApp, type RunningApp } from '@agentfleet/platform';
import { bootReplicas, waitFor, type FixtureKey, type Replicas } from '@agentfleet/testing';
import { AgentClient } from './agent-client.fixture';
import { clusterAgentApp } from '../app';

const QUICK = { PING_INTERVAL_MS: '200', HEARTBEAT_STALE_MS: '800', CLUSTER_OFFLINE_GRACE_MS: '600', CLUSTER_UNBOUND_TIMEOUT_MS: '700' };
let fleet: Replicas<typeof clusterAgentApp, RunningApp>;
let key: FixtureKey;
let one: RunningApp;
let two: RunningApp;

beforeAll(async () => {
  fleet = await bootReplicas(bootApp, clusterAgentApp, 2, QUICK);
  key = await fleet.identity.apiKey({ scopes: ['cluster:register', 'clusters:read'] });
  [one, two] = [fleet.at(0), fleet.at(1)];
});
afterAll(() => fleet.close());

interface Shown {
  readonly presence: { readonly state: string; readonly reason: string };
  readonly connection: { readonly replica_id: string; readonly epoch: number } | null;
}
interface Event {
  readonly kind: string;
  readonly from: string | null;
  readonly to: string | null;
  readonly reason: string | null;
  readonly close_code: number | null;
}
const get = async <T>(path: string) => JSON.parse((await fleet.http(key.headers, 1).get(`/api/v1/clusters/${path}`)).text) as T; // as the contract says
const shown = (id: unknown) => get<Shown>(String(id));
const becomes = (id: unknown, state: string, reason: string) =>
  waitFor(`${state} ${reason}`, async () => {
    const { presence } = await shown(id);
    return presence.state === state && presence.reason === reason;
  });
async function history(id: unknown): Promise<string[]> {
  const { data } = await get<{ data: Event[] }>(`${String(id)}/events?limit=100`);
  return data.reverse().map(({ kind, from, to, reason }) => (kind === 'presence' ? `${from} > ${to} ${reason}` : kind));
}

it('pongs alone keep a cluster online', async () => {
  const STALE_MS = 3000;
  const patient = await fleet.boot({ PING_INTERVAL_MS: '500', HEARTBEAT_STALE_MS: String(STALE_MS) });
  const agent = await AgentClient.open(patient.url, key.key);
  const { cluster_id } = await agent.register('ponging');
  const opened = Date.now();
  await waitFor('more than the silence that closes a socket', () => Date.now() - opened > 1.5 * STALE_MS);
  // on a busy machine a pong may be late, and the next one is its recovery
  await waitFor('online', async () => (await shown(cluster_id)).presence.state === 'online');
  expect(await history(cluster_id)).not.toContain('disconnected');
  expect(agent.socket.readyState).toBe(1);
  await agent.close();
});

it('a silent agent: pong missed, closed 4408, offline after the grace, one event each', async () => {
  const agent = await AgentClient.open(one.url, key.key, { autoPong: false });
  const silentSince = performance.now(); // the register message is the last sign of life, so silence begins after this
  const { cluster_id } = await agent.register('silent');
  await becomes(cluster_id, 'stale', 'pong_missed');
  expect(performance.now() - silentSince).toBeGreaterThanOrEqual(290);
  expect((await agent.closed).code).toBe(4408);
  const closedAfter = performance.now() - silentSince;
  expect(closedAfter).toBeGreaterThanOrEqual(600); // 0.75 of the limit
  expect(closedAfter).toBeLessThan(5000); // 1000 by the contract; the rest is for a busy machine
  await becomes(cluster_id, 'offline', 'pong_timeout');
  expect(await history(cluster_id)).toEqual([
    'registered', 'connected', 'null > online registered', 'online > stale pong_missed', 'disconnected', 'stale > stale pong_timeout', 'stale > offline pong_timeout',
  ]);
});

it('silence that ends in time is recovery', async () => {
  const agent = await AgentClient.open(one.url, key.key, { autoPong: false });
  const { cluster_id } = await agent.register('slow');
  await becomes(cluster_id, 'stale', 'pong_missed');
  agent.send({ type: 'ping' });
  await becomes(cluster_id, 'online', 'recovered');
  agent.socket.terminate();
  await becomes(cluster_id, 'offline', 'connection_lost');
});

it('a socket that does not register in time is closed 4408', async () => {
  const agent = await AgentClient.open(one.url, key.key);
  expect(await agent.closed).toEqual({ code: 4408, reason: 'not registered in time' });
});

it('two replicas: the newer socket wins, the older one gets 4409 and changes nothing', async () => {
  const first = await AgentClient.open(one.url, key.key);
  const { cluster_id } = await first.register('moving');
  const second = await AgentClient.open(two.url, key.key);
  expect(await second.register('moving')).toMatchObject({ cluster_id, epoch: 2 });
  expect((await first.closed).code).toBe(4409);
  expect(await shown(cluster_id)).toMatchObject({ presence: { state: 'online', reason: 'registered' }, connection: { replica_id: two.replicaId, epoch: 2 } });
  expect((await second.ask('heartbeat', {})).type).toBe('heartbeat_ack');
  expect(await history(cluster_id)).toEqual(['registered', 'connected', 'null > online registered', 'replaced']);
  await second.close();
});

it('without the notice the older socket finds out by its next write', async () => {
  const first = await AgentClient.open(one.url, key.key);
  const { cluster_id } = await first.register('unheard');
  // what another replica writes when it binds the cluster
  await fleet.database.db.collection('clusters').updateOne({ agent_id: 'unheard' }, { $inc: { epoch: 1 }, $set: { owner_socket: 'elsewhere' } });
  expect((await first.ask('heartbeat', { cluster_id })).type).toBe('heartbeat_ack');
  expect((await first.closed).code).toBe(4409);
});

it('a notice that is not true closes nobody', async () => {
  const agent = await AgentClient.open(one.url, key.key);
  const { cluster_id } = await agent.register('slandered');
  const { bus } = two.services;
  await waitFor('the bus', () => bus.isUp && one.services.bus.isUp);
  const at = new Date().toISOString();
  for (const orgId of [key.orgId, 'f'.repeat(24)]) {
    bus.notify('cluster.deleted', { orgId, clusterId: String(cluster_id), at });
    bus.notify('cluster.superseded', { orgId, clusterId: String(cluster_id), epoch: 9e15 });
  }
  const other = await AgentClient.open(one.url, key.key);
  const second = await AgentClient.open(two.url, key.key);
  await other.register('marker'); // its own notice comes after the false ones
  await second.register('marker');
  expect((await other.closed).code).toBe(4409);
  expect((await agent.ask('heartbeat', {})).type).toBe('heartbeat_ack');
  await Promise.all([agent.close(), second.close()]);
});

it('an agent over HTTP only goes stale and offline by silence', async () => {
  const { cluster_id } = (await fleet.http(key.headers).post('/api/v1/clusters/agent/register', { agent_id: 'http', name: 'http' })).body;
  await waitFor('offline', async () => (await shown(cluster_id)).presence.state === 'offline', { timeoutMs: 20_000 });
  const told = await history(cluster_id);
  expect(told.slice(0, 2)).toEqual(['registered', 'null > online registered']);
  expect(told.at(-1)).toMatch(/> offline heartbeat_missed$/);
});

it('a replica that goes closes 1012 and hands its clusters back', async () => {
  const third = await fleet.boot();
  const agent = await AgentClient.open(third.url, key.key);
  const { cluster_id } = await agent.register('drained');
  await fleet.stop(third);
  expect((await agent.closed).code).toBe(1012);
  expect((await history(cluster_id)).slice(3, 5)).toEqual(['disconnected', 'online > stale server_draining']);
  const again = await AgentClient.open(one.url, key.key);
  expect((await again.ask('heartbeat', { cluster_id })).type).toBe('heartbeat_ack');
  expect((await shown(cluster_id)).presence.state).toBe('online');
  await again.close();
});

it('a replica that vanished is found by the others', async () => {
  const agent = await AgentClient.open(one.url, key.key);
  const { cluster_id } = await agent.register('orphan');
  // as a killed replica leaves it: owner without a sign of life
  await fleet.database.db.collection('clusters').updateOne({ agent_id: 'orphan' }, { $set: { owner_replica: 'cluster-agent-dead' }, $inc: { epoch: 1 } });
  await waitFor('replica_lost', async () => (await history(cluster_id)).includes('online > stale replica_lost'), { timeoutMs: 20_000 });
  await becomes(cluster_id, 'offline', 'replica_lost');
  agent.socket.terminate();
});
