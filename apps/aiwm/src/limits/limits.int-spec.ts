import { OwnRedis, waitFor } from '@agentfleet/testing';
import { aiwmStack, ADMIN, type Client, type Stack } from '../app-specs/aiwm-stack.fixture';

let stack: Stack;
beforeEach(async () => {
  stack = await aiwmStack();
});
afterEach(() => stack.close());

const SECRET = 'a secret of its own';
const guess = (client: Client, username = 'admin@localhost') => client.post('/auth/login', { username, password: 'wrong' });

/** The value of one series of `/metrics`, 0 when it is not there. */
async function metric(client: Client, series: string): Promise<number> {
  const { text } = await client.get('/metrics');
  const line = text.split('\n').find((entry) => entry.startsWith(`${series} `));
  return line === undefined ? 0 : Number(line.slice(series.length + 1));
}

test('failed logins count over all replicas, bursts included, for that name and address only', async () => {
  const [first, second] = [await stack.boot(), await stack.boot()];
  await waitFor('the bus', () => first.running.services.bus.isUp && second.running.services.bus.isUp);
  const burst = await Promise.all(Array.from({ length: 14 }, (_, i) => first.client.post('/auth/login', { username: 'admin@localhost', password: `wrong ${i}` })));
  expect(burst.map(({ status }) => status).sort()).toEqual([...Array<number>(10).fill(401), ...Array<number>(4).fill(429)]);
  const right = await second.client.post('/auth/login', { ...ADMIN, username: 'ADMIN@localhost' });
  expect([right.status, right.body['code'], Number(right.headers.get('retry-after'))]).toEqual([429, 'RATE_LIMITED', expect.any(Number)]);
  expect(Number(right.headers.get('retry-after'))).toBeGreaterThan(600);
  expect((await guess(second.client, 'somebody@else')).status).toBe(401);
  expect(await metric(first.client, 'aiwm_rate_limited_total{route="/auth/login"}')).toBe(4);
  expect(await metric(second.client, 'aiwm_rate_limited_total{route="/auth/login"}')).toBe(1);
  expect(await metric(first.client, 'aiwm_logins_total{result="invalid"}')).toBe(10);
});

test('without Redis failed logins count in the process', async () => {
  const redis = await OwnRedis.create();
  try {
    const { client } = await stack.boot({ REDIS_URL: redis.url });
    for (let i = 0; i < 10; i++) expect((await guess(client)).status).toBe(401);
    expect((await client.post('/auth/login', ADMIN)).status).toBe(429);
  } finally {
    await redis.dispose();
  }
});

test('the window of failed connects slides: there is room when its oldest failure is a minute old, as Retry-After said', async () => {
  const { client, running } = await stack.boot({ CONNECT_FAILURES_PER_MINUTE: '2' });
  const { bus } = running.services;
  await waitFor('the bus', () => bus.isUp);
  const id = await (await client.login()).create('/agents', { name: 'Sliding', secret: SECRET });
  const connect = (secret = SECRET) => client.post(`/agents/${id}/connect`, { secret });
  const guessedAt = Date.now();
  expect((await connect('wrong secret one')).status).toBe(401);
  const key = `${bus.prefix}failures:connect:${id}:127.0.0.1`;
  const [at] = (await bus.redis.get(key))?.split(',') ?? [];
  expect([Number(at) >= guessedAt, Number(at) <= Date.now()]).toEqual([true, true]);
  // another replica counted one 55 s ago: in a fixed window it would hold for a minute from now
  await bus.redis.set(key, `${Date.now() - 55_000},${at}`, 'PX', 60_000);
  const refused = await connect();
  expect([refused.status, Number(refused.headers.get('retry-after')) <= 5]).toEqual([429, true]);
  await waitFor('room', async () => (await connect()).status === 200, { timeoutMs: 20_000 });
  expect((await connect('wrong secret two')).status).toBe(401);
  expect((await connect()).status).toBe(429);
});

test('connects and heartbeats are counted by what became of them', async () => {
  const { client, running } = await stack.boot();
  await waitFor('the bus', () => running.services.bus.isUp);
  const admin = await client.login();
  const id = await admin.create('/agents', { name: 'Counted', secret: SECRET });
  const path = `/agents/${id}`;
  const connect = (secret: unknown, at = path) => client.post(`${at}/connect`, { secret });
  const agent = client.with({ Authorization: `Bearer ${String((await connect(SECRET)).body['token'])}` });
  await connect('wrong');
  await connect(SECRET, `/agents/${'f'.repeat(24)}`);
  await connect(5);
  await connect(SECRET, '/agents/nonsense');
  for (const [from, body] of [
    [agent, { status: 'busy' }],
    [agent, { status: 'gone' }],
    [client, { status: 'busy' }],
    [admin, { status: 'busy' }],
  ] as const) await from.post(`${path}/heartbeat`, body);
  await agent.post(`/agents/${'f'.repeat(24)}/heartbeat`, { status: 'busy' });
  await admin.patch(path, { status: 'suspended' });
  await connect(SECRET);
  await agent.post(`${path}/heartbeat`, { status: 'busy' });
  await admin.delete(path);
  await agent.post(`${path}/heartbeat`, { status: 'busy' });
  for (let i = 0; i < 10; i++) await connect(`wrong ${i}`, `/agents/${'e'.repeat(24)}`);
  expect((await connect(SECRET, `/agents/${'e'.repeat(24)}`)).status).toBe(429);
  const connects = async (result: string) => metric(client, `aiwm_agent_connects_total{result="${result}"}`);
  const heartbeats = async (result: string) => metric(client, `aiwm_agent_heartbeats_total{result="${result}"}`);
  expect({
    ok: await connects('ok'),
    invalid: await connects('invalid'),
    suspended: await connects('suspended'),
    unknown: await connects('unknown'),
    limited: await connects('limited'),
    failed: await connects('failed'),
  }).toEqual({ ok: 1, invalid: 1, suspended: 1, unknown: 11, limited: 1, failed: 0 });
  expect({
    ok: await heartbeats('ok'),
    invalid: await heartbeats('invalid'),
    unauthenticated: await heartbeats('unauthenticated'),
    forbidden: await heartbeats('forbidden'),
    revoked: await heartbeats('revoked'),
    not_found: await heartbeats('not_found'),
  }).toEqual({ ok: 1, invalid: 1, unauthenticated: 1, forbidden: 2, revoked: 1, not_found: 1 });
  expect(await metric(client, 'aiwm_rate_limited_total{route="/agents/:id/connect"}')).toBe(1);
});

test("a key's own limit counts as limited, whichever route refuses", async () => {
  const { client, running } = await stack.boot();
  await waitFor('the bus', () => running.services.bus.isUp);
  const key = await (await client.login()).post('/api-keys', { name: 'slow', scopes: ['agents:read'], limits: { requestsPerMinute: 1 } });
  const reader = client.with({ 'X-API-Key': String(key.body['key']) });
  const statuses = [(await reader.get('/tools')).status, (await reader.get('/tools')).status, (await reader.get('/nodes')).status];
  expect(statuses.filter((status) => status === 429).length).toBeGreaterThanOrEqual(1); // a minute may turn in between
  const counted = (await metric(client, 'aiwm_rate_limited_total{route="/tools"}')) + (await metric(client, 'aiwm_rate_limited_total{route="/nodes"}'));
  expect(counted).toBe(statuses.filter((status) => status === 429).length);
});
