import { bootApp, type RunningApp } from '@agentfleet/platform';
import { bootReplicas, Cable, waitFor, type FixtureKey, type Replicas } from '@agentfleet/testing';
import { SocketNoticesController } from '../agents/socket-notices.controller';
import { clusterAgentApp } from '../app';
import { Liveness } from '../presence/liveness';
import { AgentClient } from './agent-client.fixture';

const WS_PATIENT = { PING_INTERVAL_MS: '10000', HEARTBEAT_STALE_MS: '30000' };
let fleet: Replicas<typeof clusterAgentApp, RunningApp>;
let key: FixtureKey;
let one: RunningApp;
let two: RunningApp;

beforeAll(async () => {
  fleet = await bootReplicas(bootApp, clusterAgentApp, 2, WS_PATIENT);
  key = await fleet.identity.apiKey({ scopes: ['cluster:register', 'clusters:read'] });
  [one, two] = [fleet.at(0), fleet.at(1)];
});
afterAll(() => fleet.close());

const clusters = () => fleet.database.db.collection<{ _id: string; agent_id: string; name: string; epoch: number; event_seq: number; owner_socket: string | null }>('clusters');
const eventsOf = (clusterId: string) => fleet.database.db.collection('cluster_events').find({ cluster_id: clusterId }).sort({ seq: 1 }).toArray();
const openAll = (app: RunningApp, count: number) => Promise.all(Array.from({ length: count }, () => AgentClient.open(app.url, key.key)));
const closeAll = (agents: readonly AgentClient[]) => Promise.all(agents.map((agent) => agent.close()));

/** Groups and changes that one replica wrote so far. */
async function written(app: RunningApp): Promise<{ groups: number; changes: number }> {
  const { text } = await fleet.http({}, fleet.all.indexOf(app)).get('/metrics');
  const figure = (name: string) => Number(new RegExp(`^cluster_write_batch_size_${name} (\\d+)`, 'm').exec(text)?.[1] ?? 0);
  return { groups: figure('count'), changes: figure('sum') };
}

test('a storm is written in groups; who is refused in one gets its own error, and nobody else', async () => {
  const first = await AgentClient.open(one.url, key.key);
  await first.register('holder', 'a name that is taken');
  const agents = await openAll(one, 60);
  const before = await written(one);
  const answers = await Promise.all(
    agents.map((agent, index) => {
      if (index === 20) return agent.ask('register', { agent_id: 'thief', name: 'a name that is taken' });
      if (index === 21) return agent.ask('register', { agent_id: 'nameless' });
      if (index === 22) return agent.ask('heartbeat', { cluster_id: 'nope' });
      return agent.ask('register', { agent_id: `storm-${index}`, name: `storm ${index}` });
    }),
  );
  expect(answers.slice(20, 23).map(({ payload }) => payload['error'])).toEqual(['cluster name is already used by another agent', 'name is required', 'cluster not found']);
  expect(answers.filter(({ type }) => type === 'register_success')).toHaveLength(57);
  expect(new Set(answers.map(({ payload }) => payload['cluster_id'])).size).toBe(58); // 57 and undefined
  const after = await written(one);
  expect(after.changes - before.changes).toBe(59); // but for the one that was no registration
  expect(after.groups - before.groups).toBeLessThan(20);
  for (const { type, payload } of answers) {
    if (type !== 'register_success') continue;
    expect(payload['epoch']).toBe(1);
    expect((await eventsOf(String(payload['cluster_id']))).map(({ kind }) => String(kind))).toEqual(['registered', 'connected', 'presence']);
  }
  await closeAll([first, ...agents]);
});

test('one agent at once on four sockets of two replicas: one cluster, an epoch for each, the newest has it', async () => {
  const NAMES = ['twin-a', 'twin-b', 'twin-c', 'twin-d', 'twin-e', 'twin-f'];
  const agents = [...(await openAll(one, 2 * NAMES.length)), ...(await openAll(two, 2 * NAMES.length))];
  const answers = await Promise.all(agents.map((agent, index) => agent.register(NAMES[index % NAMES.length] ?? '')));
  for (const [index, name] of NAMES.entries()) {
    const own = agents.map((agent, at) => ({ agent, answer: answers[at] ?? {} })).filter((_, at) => at % NAMES.length === index);
    expect(new Set(own.map(({ answer }) => answer['cluster_id'])).size).toBe(1);
    expect(own.map(({ answer }) => Number(answer['epoch'])).sort()).toEqual([1, 2, 3, 4]);
    const losers = own.filter(({ answer }) => answer['epoch'] !== 4);
    expect(await Promise.all(losers.map(async ({ agent }) => (await agent.closed).code))).toEqual([4409, 4409, 4409]);
    const record = await clusters().findOne({ name });
    expect(record).toMatchObject({ epoch: 4, agent_id: name });
    const events = await eventsOf(record?._id ?? '');
    expect(events.map(({ seq }) => Number(seq))).toEqual(events.map((_, at) => at + 1));
    expect(events.map(({ kind }) => String(kind))).toEqual(['registered', 'connected', 'presence', 'replaced', 'replaced', 'replaced']);
    const winner = own.find(({ answer }) => answer['epoch'] === 4);
    expect((await winner?.agent.ask('heartbeat', {}))?.type).toBe('heartbeat_ack');
  }
  await closeAll(agents.filter(({ socket }) => socket.readyState === socket.OPEN));
});

test('of agents that want one name at the same moment on two replicas exactly one has it', async () => {
  const agents = [...(await openAll(one, 5)), ...(await openAll(two, 5))];
  for (let round = 0; round < 5; round++) {
    const answers = await Promise.all(agents.map((agent, index) => agent.ask('register', { agent_id: `rival-${round}-${index}`, name: `wanted ${round}` })));
    expect(answers.filter(({ type }) => type === 'register_success')).toHaveLength(1);
    const texts = answers.flatMap(({ type, payload }) => (type === 'error' ? [payload['error']] : []));
    expect(texts).toEqual(Array.from({ length: 9 }, () => 'cluster name is already used by another agent'));
    expect(await clusters().countDocuments({ name: `wanted ${round}` })).toBe(1);
  }
  await closeAll(agents);
});

test('a name that somebody gives up is free for who asks next, in the same group, too', async () => {
  const [leaving, ...others] = await openAll(one, 12);
  await leaving?.register('leaving', 'a good name');
  // the first one is under way when the others come, which then go together
  const answers = await Promise.all([
    ...others.slice(0, 10).map((agent, index) => agent.register(`crowd-${index}`)),
    leaving?.register('leaving', 'another name'),
    others[10]?.register('moving in', 'a good name'),
  ]);
  expect(answers.at(-1)).toMatchObject({ name: 'a good name' });
  expect((await clusters().find({ name: 'a good name' }).toArray()).map(({ agent_id }) => agent_id)).toEqual(['moving in']);
  await closeAll([...others, ...(leaving ? [leaving] : [])]);
});

test('a record that nobody can read spoils its own binding alone', async () => {
  const agents = await openAll(one, 30);
  const ids = await Promise.all(agents.map(async (agent, index) => (await agent.register(`bound-${index}`))['cluster_id']));
  await closeAll(agents);
  await fleet.database.db.collection('clusters').updateOne({ agent_id: 'bound-17' }, { $set: { features: '{' } });
  const back = await openAll(one, 30);
  const answers = await Promise.all(back.map((agent, index) => agent.ask('heartbeat', { cluster_id: ids[index] })));
  expect(answers.map(({ type, payload }) => (type === 'error' ? payload['error'] : type))).toEqual(
    ids.map((_, index) => (index === 17 ? 'internal error' : 'heartbeat_ack')),
  );
  expect(await clusters().countDocuments({ agent_id: /^bound-/, owner_socket: { $ne: null } })).toBe(29);
  await closeAll(back);
});

test('the notice of a replacement is looked into only where an older socket is', async () => {
  const [agent] = await openAll(one, 1);
  const { cluster_id, epoch } = (await agent?.register('told')) ?? {};
  const asked = jest.spyOn(one.app.get(Liveness), 'closeReplaced');
  const notices = one.app.get(SocketNoticesController);
  const notice = { orgId: key.orgId, clusterId: String(cluster_id), epoch: Number(epoch) };
  await notices.superseded(notice);
  expect(asked).not.toHaveBeenCalled();
  await notices.superseded({ ...notice, epoch: notice.epoch + 1 });
  expect(asked).toHaveBeenCalledWith([cluster_id]);
  expect((await agent?.ask('heartbeat', {}))?.type).toBe('heartbeat_ack'); // it was not true
  asked.mockRestore();
  await agent?.close();
});

test('storage that goes in the middle of a storm: every frame has its own answer, nothing that was answered is lost, nothing is there twice', async () => {
  const cable = await Cable.to(fleet.database.mongodbUri);
  const app = await fleet.boot({ MONGODB_URI: cable.mongodbUri });
  const [known] = await openAll(app, 1);
  const clusterId = (await known?.register('known before'))?.['cluster_id'];
  await known?.close();
  const [registering, beating] = [await openAll(app, 40), await openAll(app, 10)];
  const registered = registering.map((agent, index) => agent.ask('register', { agent_id: `cut-${index}`, name: `cut ${index}` }, { timeoutMs: 30_000 }));
  await waitFor('the first of them', () => registering.some(({ received }) => received.length > 0));
  cable.pull();
  const beats = await Promise.all(beating.map((agent) => agent.ask('heartbeat', { cluster_id: clusterId })));
  for (const { type, payload } of beats) expect([type, payload['error']]).toEqual(['error', 'temporarily unavailable, try again']);
  cable.putBack();
  const answers = await Promise.all(registered);
  for (const { payload, type } of answers) {
    expect(type).toBe('register_success');
    const events = await eventsOf(String(payload['cluster_id']));
    // what follows, if anything: the others took this replica for gone
    expect(events.slice(0, 3).map(({ kind }) => String(kind))).toEqual(['registered', 'connected', 'presence']);
    expect(events.map(({ seq }) => Number(seq))).toEqual(events.map((_, at) => at + 1));
    expect(events.filter(({ kind }) => kind === 'registered' || kind === 'replaced')).toHaveLength(1);
  }
  expect(await clusters().countDocuments({ agent_id: /^cut-/ })).toBe(40);
  await closeAll([...registering, ...beating]);
  await fleet.stop(app);
  await cable.close();
});
