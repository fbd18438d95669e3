import { OwnRedis, waitFor } from '@agentfleet/testing';
import type { RunningApp } from '@agentfleet/platform';
import { ask, Client, newSession, range, TestGateway } from './gateway.fixture';

let gateway: TestGateway;
const clients: Client[] = [];
const redises: OwnRedis[] = [];

beforeEach(async () => {
  gateway = await TestGateway.create();
});
afterEach(async () => {
  clients.splice(0).forEach((client) => client.close());
  await gateway.close();
  await Promise.all(redises.splice(0).map((redis) => redis.dispose()));
});

async function open(replica: RunningApp, sessionId: string): Promise<Client> {
  const client = await Client.open(replica, sessionId);
  clients.push(client);
  return client;
}

async function readiness(replica: RunningApp): Promise<unknown> {
  return (await ask(replica, 'GET', '/health/ready')).body['status'];
}

/** As if the executor had died long ago: its lease is over and it does not know yet. */
async function expireLease(): Promise<void> {
  await gateway.database.db.collection('runs').updateOne({ session_id: { $exists: true }, active: true }, { $set: { lease_until: new Date(0) } });
}

describe('without Redis', () => {
  it('boots, runs, streams to both replicas, and recovers without a restart', async () => {
    const redis = await OwnRedis.create();
    redises.push(redis);
    const env = { REDIS_URL: redis.url };
    const [a, b] = [await gateway.boot(env), await gateway.boot(env)];
    expect(await readiness(a)).toBe('degraded');
    const id = await newSession(a);
    const [client, watching] = [await open(a, id), await open(b, id)];
    watching.send({ action: 'resume', after_seq: 0 });
    client.execute('List files');
    await client.complete();
    await watching.complete(1, 5000);
    expect(watching.texts).toEqual(client.texts);

    await redis.start();
    await waitFor('readiness with Redis', async () => (await readiness(a)) === 'ready' && (await readiness(b)) === 'ready');
    client.execute('go [[steps=4 delay_ms=150]]');
    await client.frame('tool_call');
    await redis.kill();
    await client.complete(2);
    await waitFor('degraded', async () => (await readiness(a)) === 'degraded');
    await watching.complete(2, 5000);
    expect(watching.texts).toEqual(client.texts);
    expect((await ask(a, 'POST', '/sessions', {})).status).toBe(200);

    await redis.start();
    await waitFor('readiness again', async () => (await readiness(a)) === 'ready');
  }, 60_000);

  it('a cancel by the other replica still takes effect within 3 s', async () => {
    const redis = await OwnRedis.create();
    redises.push(redis);
    const env = { REDIS_URL: redis.url };
    const [a, b] = [await gateway.boot(env), await gateway.boot(env)];
    const id = await newSession(a);
    const client = await open(a, id);
    client.execute('[[delay_ms=60000]]');
    await client.seen(1);
    const startedAt = Date.now();
    expect((await ask(b, 'POST', `/sessions/${id}/cancel`, {})).status).toBe(200);
    await client.complete();
    expect(Date.now() - startedAt).toBeLessThan(3500);
  });
});

describe('takeover', () => {
  it('another replica goes on after the last complete step; the former executor cannot write any more', async () => {
    const [a, b] = [await gateway.boot(), await gateway.boot()];
    const id = await newSession(a);
    const client = await open(b, id);
    client.send({ action: 'resume', after_seq: 0 });
    const started = await ask(a, 'POST', `/sessions/${id}/runs`, { user_input: 'go [[steps=3 chunks=8 chunk_ms=150]]' });
    await client.frame('tool_result');
    await expireLease();
    const recovered = await client.frame('status');
    expect(recovered.frame.data).toMatchObject({ status: 'run_recovered', attempt: 2 });
    const end = await client.complete(1, 30_000);
    expect(end.frame.data).toMatchObject({ completed: true, reason: 'stop', iterations: 3, tool_calls: 3 });
    expect(client.seqs).toEqual(range(1, client.events.length));
    expect(shownText(client)).toBe('Step 1 of 3.Step 2 of 3.Step 3 of 3.Done after 3 steps.');
    expect(client.events.filter(({ frame }) => frame.type === 'tool_call')).toHaveLength(3);
    expect(client.events.filter(({ frame }) => frame.type === 'iteration_end').map(({ frame }) => frame.data['iteration'])).toEqual([1, 2, 3]);
    expect(client.received.filter(({ frame }) => frame.type === 'query_complete')).toHaveLength(1);
    const metrics = await Promise.all([a, b].map((replica) => ask(replica, 'GET', '/metrics')));
    expect(metrics.map(({ text }) => text).join('')).toMatch(/gateway_takeovers_total [1-9]/);
    expect((await ask(a, 'GET', `/sessions/${id}/runs/${started.body['run_id']}`)).body).toMatchObject({ state: 'succeeded', attempt: 2 });
  }, 60_000);

  it('a replica that is told to stop hands its runs over at once', async () => {
    const [a, b] = [await gateway.boot(), await gateway.boot()];
    const id = await newSession(a);
    const client = await open(b, id);
    client.send({ action: 'resume', after_seq: 0 });
    const own = await open(a, id);
    await ask(a, 'POST', `/sessions/${id}/runs`, { user_input: 'go [[steps=6 chunks=4 chunk_ms=50]]' });
    await client.frame('tool_result');
    const stoppedAt = Date.now();
    await gateway.stop(a);
    expect(own.closed).toMatchObject({ code: 1012 });
    const end = await client.complete(1, 30_000);
    expect(Date.now() - stoppedAt).toBeLessThan(15_000);
    expect(end.frame.data).toMatchObject({ completed: true, iterations: 6, tool_calls: 6 });
    expect(client.seqs).toEqual(range(1, client.events.length));
    expect(shownText(client)).toBe(`${range(1, 6).map((n) => `Step ${n} of 6.`).join('')}Done after 6 steps.`);
  }, 60_000);

  it('a run that is interrupted again and again at the same step is given up', async () => {
    const a = await gateway.boot();
    const id = await newSession(a);
    const client = await open(a, id);
    client.execute('[[delay_ms=60000]]');
    await client.seen(1);
    await gateway.database.db.collection('runs').updateOne({ session_id: { $exists: true }, active: true }, { $set: { takeovers_at_step: 4 } });
    await expireLease();
    const end = await client.complete();
    expect(end.frame.data).toMatchObject({ completed: false, reason: 'crash_loop' });
    expect(client.received.find(({ frame }) => frame.type === 'error')?.frame.data).toMatchObject({ code: 'crash_loop' });
    client.execute('Hello');
    expect((await client.complete(2)).frame.data).toMatchObject({ completed: true });
  }, 30_000);
});

describe('capacity', () => {
  it('more runs than slots wait and are carried out', async () => {
    const a = await gateway.boot({ GATEWAY_MAX_CONCURRENT_RUNS: '2' });
    const ids = await Promise.all(range(1, 6).map(() => newSession(a)));
    const waiting = await Promise.all(ids.map((id) => open(a, id)));
    waiting.forEach((client) => client.execute('go [[steps=1 delay_ms=50]]'));
    await Promise.all(waiting.map((client) => client.complete(1, 20_000)));
    const queued = waiting.filter((client) => client.types.includes('status'));
    expect(queued.length).toBeGreaterThanOrEqual(1);
    expect(queued[0]?.received.find(({ frame }) => frame.type === 'status')?.frame.data).toMatchObject({ status: 'queued' });
  }, 30_000);
});

/** The text as a viewer has it who drops what was superseded. */
function shownText(client: Client): string {
  const dropped = client.events.flatMap(({ frame }) => {
    const superseded: unknown = frame.data['superseded'];
    if (typeof superseded !== 'object' || superseded === null) return [];
    const { from_seq: from, to_seq: to } = Object.fromEntries(Object.entries(superseded));
    return range(Number(from), Number(to));
  });
  return client.events.map(({ frame }) => (frame.type === 'text' && !dropped.includes(frame.seq ?? 0) ? String(frame.data['text']) : '')).join('');
}
