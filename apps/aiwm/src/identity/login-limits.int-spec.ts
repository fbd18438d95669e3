import { createHash } from 'node:crypto';
import { waitFor } from '@agentfleet/testing';
import { aiwmStack, ADMIN, newAgent, type Client, type Stack } from '../app-specs/aiwm-stack.fixture';

let stack: Stack;
let client: Client;
let redis: { set(key: string, value: string, px: 'PX', ms: number): Promise<unknown> };
let prefix: string;
beforeEach(async () => {
  stack = await aiwmStack();
  const { client: booted, running } = await stack.boot({ TRUSTED_PROXIES: '127.0.0.0/8' });
  await waitFor('the bus', () => running.services.bus.isUp);
  client = booted;
  ({ redis, prefix } = running.services.bus);
});
afterEach(() => stack.close());

const from = (address: string, headers = {}) => client.with({ 'X-Forwarded-For': address, ...headers });
const login = (address: string, password = ADMIN.password, username = ADMIN.username) => from(address).post('/auth/login', { username, password });
const recently = (count: number) => Array.from({ length: count }, (_, i) => Date.now() - i).join(',');
/** So many failures as if they had just happened; a real one takes a quarter of a second of a core. */
async function failed(address: string, count: number, username = ADMIN.username, limit = 'login'): Promise<void> {
  const user = await stack.database.db.collection('users').findOne({ username });
  const name = createHash('sha256').update(username).digest('hex');
  await redis.set(`${prefix}failures:${limit}:${name}:${user?.['tokenVersion'] ?? 0}:${address}`, recently(count), 'PX', 900_000);
}

/** 150 logins at once, of names that nobody has; counts their answers. Of 100 that are let in some are answered when it returns. */
async function flood(address: string): Promise<Readonly<Record<number, number>>> {
  const answers: Record<number, number> = {};
  for (let i = 0; i < 150; i++) {
    login(address, 'a guess', `somebody-${i}@localhost`).then(
      ({ status }) => (answers[status] = (answers[status] ?? 0) + 1),
      () => undefined, // still waiting when the replica stops
    );
  }
  await waitFor('the first checks', () => answers[401] !== undefined && answers[429] === 50, { timeoutMs: 60_000 });
  return answers;
}

test('a flood of logins from one address does not make others wait: their turn comes after at most a few of it', async () => {
  const { id, secret } = await newAgent(await client.login());
  const answers = await flood('198.51.100.1');
  const before = answers[401] ?? 0;
  const [honest, agent] = await Promise.all([login('203.0.113.5'), from('203.0.113.6').post(`/agents/${id}/connect`, { secret })]);
  expect([honest.status, agent.status]).toEqual([200, 200]);
  expect((answers[401] ?? 0) - before).toBeLessThanOrEqual(10); // of 100 that were let in at once
}, 120_000);

test('nor those who logged in before from that very address', async () => {
  expect((await login('203.0.113.5')).status).toBe(200);
  const answers = await flood('203.0.113.5');
  const before = answers[401] ?? 0;
  expect((await login('203.0.113.5')).status).toBe(200);
  expect((answers[401] ?? 0) - before).toBeLessThanOrEqual(10);
}, 120_000);

test('one password tried on many names counts for the address, which others have no part in', async () => {
  await redis.set(`${prefix}failures:login:198.51.100.2`, recently(99), 'PX', 900_000);
  expect((await login('198.51.100.2', 'a guess', 'one@localhost')).status).toBe(401);
  const refused = await login('198.51.100.2', 'a guess', 'another@localhost');
  expect([refused.status, refused.body['message']]).toEqual([429, 'Too many failed logins; try again in 15 minutes']);
  expect((await login('198.51.100.3', 'a guess', 'another@localhost')).status).toBe(401);
  expect((await login('203.0.113.5')).status).toBe(200);
});

test('wrong guesses lock nobody out of a place where that name logged in before; elsewhere they do', async () => {
  expect((await login('203.0.113.5')).status).toBe(200);
  await failed('203.0.113.5', 9);
  expect((await login('203.0.113.5', 'the tenth')).status).toBe(401);
  const refused = await login('203.0.113.5', 'wrong again');
  expect([refused.status, Number(refused.headers.get('retry-after')) > 600]).toEqual([429, true]);
  expect((await login('203.0.113.5')).status).toBe(200);
  await failed('203.0.113.9', 10);
  expect((await login('203.0.113.9')).status).toBe(429);
  expect((await login('203.0.113.10')).status).toBe(200);
}, 120_000);

test('what is let through where a name is known has a limit of its own', async () => {
  expect((await login('203.0.113.5')).status).toBe(200);
  await failed('203.0.113.5', 10);
  await failed('203.0.113.5', 99, ADMIN.username, 'login-known');
  expect((await login('203.0.113.5')).status).toBe(200);
  expect((await login('203.0.113.5', 'the last')).status).toBe(429);
  expect((await login('203.0.113.5')).status).toBe(429);
}, 120_000);

test('a change of password counts wrong ones too', async () => {
  const { accessToken } = (await login('203.0.113.5')).body;
  const me = from('203.0.113.5', { Authorization: `Bearer ${String(accessToken)}` });
  const change = (currentPassword: string) => me.post('/auth/change-password', { currentPassword, newPassword: 'a quiet long password' });
  const guesses = await Promise.all(Array.from({ length: 25 }, (_, i) => change(`wrong ${i}`)));
  expect(guesses.map(({ status }) => status).sort()).toEqual([...Array<number>(10).fill(401), ...Array<number>(15).fill(429)]);
  const refused = await change(ADMIN.password);
  expect([refused.status, refused.body['message']]).toEqual([429, 'Too many wrong passwords; try again in 15 minutes']);
}, 120_000);

test('a new password begins a new count, whoever set it', async () => {
  const admin = await client.login();
  const username = 'ann@localhost';
  const id = await admin.create('/users', { username, password: 'a quiet long password', roles: ['organization.viewer'] });
  await failed('203.0.113.7', 10, username);
  expect((await login('203.0.113.7', 'a quiet long password', username)).status).toBe(429);
  expect((await admin.patch(`/users/${id}`, { password: 'another long password' })).status).toBe(200);
  expect((await login('203.0.113.7', 'another long password', username)).status).toBe(200);

  await failed('203.0.113.8', 10);
  await redis.set(`${prefix}failures:login:203.0.113.8`, recently(100), 'PX', 900_000); // all callers look alike behind a proxy
  expect((await login('203.0.113.8')).status).toBe(429);
  await stack.boot({ AIWM_RESET_ADMIN_PASSWORD: 'a new one for the boss' });
  await waitFor('the new password', async () => (await login('203.0.113.8', 'a new one for the boss')).status === 200, { timeoutMs: 20_000 });
}, 120_000);
