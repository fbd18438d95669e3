import { bootReplicas, HttpCaller, OwnRedis, waitFor, type Replicas } from '@agentfleet/testing';
import { bootApp, type RunningApp } from '../boot-app';
import { probeApp } from '../probe-app.fixture';

let fleet: Replicas<typeof probeApp, RunningApp>;
let redis: OwnRedis;

beforeAll(async () => {
  redis = await OwnRedis.create();
  fleet = await bootReplicas(bootApp, probeApp, 2, { REDIS_URL: redis.url }); // Redis is not there
});

afterAll(async () => {
  await fleet.close();
  await redis.dispose();
});

const first = () => fleet.first;
const second = () => fleet.at(1);
const get = (replica: RunningApp, path: string) => new HttpCaller(replica.url).get(path);

const seen = async (replica: RunningApp) => (await get(replica, '/p/notices')).body['notices'] as unknown[];

test('boots without Redis: ready but degraded, requests 503 with Retry-After at once', async () => {
  const ready = await get(first(), '/health/ready');
  expect([ready.status, ready.body]).toEqual([200, { status: 'degraded', checks: { mongodb: 'up', redis: 'down', draining: false } }]);
  const asked = await get(first(), `/p/ask/${second().replicaId}`);
  expect([asked.status, asked.headers.get('retry-after')]).toEqual([503, '1']);
});

/** As whoever reaches Redis may send it. */
const emitRaw = ({ services }: RunningApp, pattern: string, data: unknown) =>
  void services.bus.redis.publish(`${services.bus.prefix}${pattern}`, JSON.stringify({ pattern: `${services.bus.prefix}${pattern}`, data }));

test('recovers by itself when Redis comes: requests reach the addressed replica, notices both', async () => {
  await redis.start();
  const answer = await waitFor('an answer', async () => {
    const asked = await get(first(), `/p/ask/${second().replicaId}`);
    return asked.status === 200 ? asked.body : undefined;
  });
  expect(answer).toMatchObject({ from: second().replicaId, payload: { hello: 1 } });
  expect((await get(first(), '/health/ready')).body['status']).toBe('ready');
  const notice = { orgId: 'an organization', sessionId: 'first' };
  emitRaw(first(), 'session.deleted', { sessionId: 'of nobody' });
  emitRaw(first(), 'session.deleted', 'odd');
  first().services.bus.notify('session.deleted', notice);
  await waitFor('the notice on both', async () => (await seen(first())).length > 0 && (await seen(second())).length > 0);
  expect([...(await seen(first())), ...(await seen(second()))]).toEqual([notice, notice]); // what is malformed or nobody's was dropped before it
});

test('replicas announce themselves', async () => {
  const ids = await waitFor('both announcements', async () => {
    const live = await first().services.bus.replicas('probe');
    return live.length === 2 ? live.map(({ id }) => id) : undefined;
  });
  expect(new Set(ids)).toEqual(new Set(fleet.all.map(({ replicaId }) => replicaId)));
});

test('a request to nobody ends after its time', async () => {
  expect((await get(first(), '/p/ask/probe-00000000')).status).toBe(503);
});

test('survives Redis killed with requests in flight, and is back without a restart', async () => {
  const asked = Array.from({ length: 20 }, () => get(first(), `/p/ask/${second().replicaId}`));
  await redis.kill();
  const answers = await Promise.all(asked);
  expect(answers.every(({ status }) => status === 200 || status === 503)).toBe(true);
  await waitFor('degraded', async () => (await get(first(), '/health/ready')).body['status'] === 'degraded');
  await redis.start();
  await waitFor('an answer', async () => (await get(first(), `/p/ask/${second().replicaId}`)).status === 200);
  const heard = async (replica: RunningApp) => JSON.stringify(await seen(replica)).includes('second');
  await waitFor('a second notice on both', async () => {
    first().services.bus.notify('session.deleted', { orgId: 'an organization', sessionId: 'second' }); // one may be lost while they subscribe again
    return (await heard(first())) && (await heard(second()));
  });
});

test('a Redis that hangs counts as away until it answers again', async () => {
  const goOn = await redis.hang();
  try {
    await waitFor('degraded', async () => (await get(first(), '/health/ready')).body['status'] === 'degraded');
    expect((await get(first(), `/p/ask/${second().replicaId}`)).status).toBe(503);
  } finally {
    goOn();
  }
  await waitFor('ready', async () => (await get(first(), '/health/ready')).body['status'] === 'ready');
  await waitFor('an answer', async () => (await get(first(), `/p/ask/${second().replicaId}`)).status === 200);
});

test('last seen announcements serve on while Redis is away', async () => {
  await waitFor('both announcements', async () => (await first().services.bus.replicas('probe')).length === 2);
  await redis.kill();
  await waitFor('the loss', () => !first().services.bus.isUp);
  expect(await first().services.bus.replicas('probe')).toHaveLength(2);
});
