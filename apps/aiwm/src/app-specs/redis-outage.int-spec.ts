import { OwnRedis, waitFor } from '@agentfleet/testing';
import { aiwmStack, INSTRUCTION, type Client, type Stack } from './aiwm-stack.fixture';

let stack: Stack;
beforeEach(async () => {
  stack = await aiwmStack();
});
afterEach(() => stack.close());

const SECRET = 'a secret of its own';

async function connect(client: Client, id: string): Promise<Client> {
  const answer = await client.post(`/agents/${id}/connect`, { secret: SECRET });
  expect(answer.status).toBe(200);
  return client.with({ Authorization: `Bearer ${String(answer.body['token'])}` });
}

async function everythingWorks(anonymous: Client): Promise<void> {
  const admin = await anonymous.login();
  await admin.create('/instructions', INSTRUCTION);
  const id = await admin.create('/agents', { name: 'Without Redis', secret: SECRET });
  const agent = await connect(anonymous, id);
  expect((await agent.post(`/agents/${id}/heartbeat`, { status: 'busy' })).body).toEqual({ success: true });
  expect((await admin.get(`/agents/${id}`)).body['connectionStatus']).toBe('busy');
}

async function healthIs(client: Client, health: string, ready: string): Promise<void> {
  await waitFor(`health ${health}`, async () => (await client.get('/health')).body['status'] === health);
  const answers = [await client.get('/health'), await client.get('/health/ready')];
  expect(answers.map(({ status, body }) => [status, body['status']])).toEqual([
    [200, health],
    [200, ready],
  ]);
}

test('Redis gone at boot and while running: everything but events works, and recovers by itself', async () => {
  const redis = await OwnRedis.create();
  try {
    const { client } = await stack.boot({ REDIS_URL: redis.url });
    await healthIs(client, 'degraded', 'degraded');
    await everythingWorks(client);
    const events = await (await client.login()).get('/events');
    expect([events.status, Number(events.headers.get('retry-after')) > 0]).toEqual([503, true]);
    await redis.start();
    await healthIs(client, 'ok', 'ready');
    await redis.kill();
    await healthIs(client, 'degraded', 'degraded');
    await everythingWorks(client);
  } finally {
    await redis.dispose();
  }
});

test('failed connects count over all replicas, and a burst of guesses cannot slip through', async () => {
  const first = await stack.boot();
  const second = await stack.boot();
  await waitFor('the bus', () => first.running.services.bus.isUp && second.running.services.bus.isUp);
  const id = await (await first.client.login()).create('/agents', { name: 'Guessed', secret: SECRET });
  const guesses = await Promise.all(Array.from({ length: 30 }, (_, i) => first.client.post(`/agents/${id}/connect`, { secret: `guess number ${i}` })));
  expect(guesses.filter(({ status }) => status === 401)).toHaveLength(10);
  expect(guesses.filter(({ status }) => status === 429)).toHaveLength(20);
  const limited = await second.client.post(`/agents/${id}/connect`, { secret: SECRET });
  expect([limited.status, limited.body['code'], Number(limited.headers.get('retry-after')) > 0]).toEqual([429, 'RATE_LIMITED', true]);
  const forwarded = await second.client.ask('POST', `/agents/${id}/connect`, { secret: SECRET }, { 'X-Forwarded-For': '192.0.2.7', 'X-Real-IP': '192.0.2.7' });
  expect(forwarded.status).toBe(429);
});

test('five rotations at once: none fails, each has its own secret, one works', async () => {
  const { client } = await stack.boot();
  const admin = await client.login();
  const id = await admin.create('/agents', { name: 'Rotated' });
  const answers = await Promise.all(Array.from({ length: 5 }, () => admin.post(`/agents/${id}/credentials/regenerate`, {})));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
  const secrets = answers.map(({ body }) => String(body['secret']));
  expect(new Set(secrets).size).toBe(5);
  const connects = await Promise.all(secrets.map((secret) => client.post(`/agents/${id}/connect`, { secret })));
  expect(connects.map(({ status }) => status).sort()).toEqual([200, 401, 401, 401, 401]);
});
