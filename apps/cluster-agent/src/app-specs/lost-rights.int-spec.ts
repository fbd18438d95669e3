import { bootApp, type RunningApp } from '@agentfleet/platform';
import { bootReplicas, waitFor, type FixtureKey, type Replicas } from '@agentfleet/testing';
import { mongo } from 'mongoose';
import { clusterAgentApp } from '../app';
import { AgentClient, refusedUpgrade } from './agent-client.fixture';

const WS = '/api/v1/clusters/agent/ws';
let fleet: Replicas<typeof clusterAgentApp, RunningApp>;
let withBus: RunningApp;
let withoutBus: RunningApp;
beforeAll(async () => {
  fleet = await bootReplicas(bootApp, clusterAgentApp);
  withBus = fleet.first;
  withoutBus = await fleet.boot({ REDIS_URL: 'redis://127.0.0.1:1' });
  await waitFor('the bus', () => withBus.services.bus.isUp);
});
afterAll(() => fleet.close());

const change = async ({ id }: FixtureKey, set: object) => void (await fleet.database.db.collection('api_keys').updateOne({ _id: new mongo.ObjectId(id) }, { $set: set }));

const CASES = [
  { what: 'revoked', write: (key: FixtureKey) => change(key, { revokedAt: new Date() }), pattern: 'key.revoked', code: 4401, status: 401 },
  { what: 'without its scope', write: (key: FixtureKey) => change(key, { scopes: ['clusters:read'] }), pattern: 'key.changed', code: 4403, status: 403 },
  { what: 'rotated out', write: (key: FixtureKey) => change(key, { hash: key.id }), pattern: 'key.rotated', code: 4401, status: 401 },
  { what: 'ended by a change', write: (key: FixtureKey) => change(key, { expiresAt: new Date(Date.now() - 1) }), pattern: 'key.changed', code: 4401, status: 401 },
] as const;

describe.each(CASES)('the sockets of a key that is $what', ({ write, pattern, code, status }) => {
  test.each(['with', 'without'])('are closed %s the bus, and their cluster is offline', async (bus) => {
    const app = bus === 'with' ? withBus : withoutBus;
    const key = await fleet.identity.apiKey({ scopes: ['cluster:register'] });
    const neighbour = await AgentClient.open(app.url, (await fleet.identity.apiKey({ scopes: ['cluster:register'] })).key);
    const [agent, second] = [await AgentClient.open(app.url, key.key), await AgentClient.open(app.url, key.key)];
    const { cluster_id } = await agent.register(`${pattern} ${code} ${bus}`);
    await write(key);
    if (bus === 'with') app.services.bus.notify(pattern, { orgId: key.orgId, keyId: key.id, at: new Date().toISOString() });
    else await app.services.live.sweep();
    expect([(await agent.closed).code, (await second.closed).code]).toEqual([code, code]);
    await waitFor('offline', async () => {
      const found = await fleet.database.db.collection<{ _id: string; presence: object }>('clusters').findOne({ _id: String(cluster_id) });
      return JSON.stringify(found?.presence).includes('"state":"offline","reason":"token_revoked"');
    });
    expect((await refusedUpgrade(app.url, WS, key.headers)).status).toBe(status);
    expect((await neighbour.ask('ping', {})).type).toBe('pong');
    await neighbour.close();
  });
});

test('a key that ends by itself closes its sockets when it does', async () => {
  const key = await fleet.identity.apiKey({ scopes: ['cluster:register'], expiresAt: new Date(Date.now() + 1500) });
  const agent = await AgentClient.open(withoutBus.url, key.key);
  expect((await agent.closed).code).toBe(4401);
});

test('a key that was rotated with an overlap keeps its sockets until that is over', async () => {
  const key = await fleet.identity.apiKey({ scopes: ['cluster:register'] });
  const agent = await AgentClient.open(withBus.url, key.key);
  const record = await fleet.database.db.collection('api_keys').findOne({ _id: new mongo.ObjectId(key.id) });
  await change(key, { hash: key.id, previousHash: record?.['hash'], previousValidUntil: new Date(Date.now() + 2000) });
  withBus.services.bus.notify('key.rotated', { orgId: key.orgId, keyId: key.id, at: new Date().toISOString() });
  expect((await agent.ask('ping', {})).type).toBe('pong');
  expect((await agent.closed).code).toBe(4401);
});
