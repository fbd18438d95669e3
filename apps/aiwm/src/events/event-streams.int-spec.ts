import { connect } from 'node:net';
import { OwnRedis, waitFor } from '@agentfleet/testing';
import type { RunningApp } from '@agentfleet/platform';
import { aiwmStack, type Client, type Stack } from '../app-specs/aiwm-stack.fixture';
import { emitRaw, forwardedNotices } from './notices.fixture';
import { openStream, type OpenStream } from './open-stream.fixture';

const ORG = '000000000000000000000001';
const PASSWORD = 'a quiet long password';

let stack: Stack;
let running: RunningApp;
let anonymous: Client;
let admin: Client;
let streams: OpenStream[];
beforeAll(async () => {
  stack = await aiwmStack();
  ({ client: anonymous, running } = await stack.boot());
  admin = await anonymous.login();
  await waitFor('the bus', () => running.services.bus.isUp);
});
afterAll(() => stack.close());
beforeEach(() => (streams = []));
afterEach(() => streams.forEach((stream) => stream.close()));

async function listen(client: Client, query = ''): Promise<OpenStream> {
  const stream = await openStream(client, query);
  streams.push(stream);
  return stream;
}

const eventsOf = (stream: OpenStream) => [...stream.text().matchAll(/^event: (.+)$/gm)].map(([, event]) => event);

async function openStreams(client: Client): Promise<number> {
  const { text } = await client.get('/metrics');
  return Number(/^aiwm_event_streams (\d+)$/m.exec(text)?.[1]);
}

test('a client that is gone while its credentials are looked up holds no stream', async () => {
  const { hostname, port } = new URL(admin.url);
  const keys = await Promise.all(Array.from({ length: 20 }, (_, i) => admin.post('/api-keys', { name: `gone ${i}`, scopes: ['agents:read'] })));
  const before = await openStreams(admin);
  for (const [index, { body }] of keys.entries()) {
    const socket = connect(Number(port), hostname, () => {
      socket.write(`GET /events HTTP/1.1\r\nHost: x\r\nX-API-Key: ${String(body['key'])}\r\n\r\n`, () => setTimeout(() => socket.resetAndDestroy(), index / 4));
    });
    socket.on('error', () => undefined);
    await new Promise((resolve) => socket.once('close', resolve));
  }
  await waitFor('no stream to be left', async () => (await openStreams(admin)) === before);
});

test('Redis goes: degraded; it comes back: ready again, and events flow', async () => {
  const redis = await OwnRedis.create();
  try {
    await redis.start();
    const own = await stack.boot({ REDIS_URL: redis.url });
    await waitFor('the bus', () => own.running.services.bus.isUp);
    const client = await own.client.login();
    const stream = await listen(client);
    await redis.kill();
    await waitFor('degraded', () => stream.text().includes('event: degraded\ndata: {"reason":"bus"}\n\n'));
    const refused = await client.get('/events');
    expect([refused.status, refused.body['code'], Number(refused.headers.get('retry-after')) > 0]).toEqual([503, 'UNAVAILABLE', true]);
    await redis.start();
    await waitFor('ready again', () => eventsOf(stream).filter((event) => event === 'ready').length === 2);
    expect(eventsOf(stream).slice(0, 3)).toEqual(['ready', 'degraded', 'ready']);
    await waitFor('events', async () => {
      await client.create('/agents', { name: 'After' });
      return eventsOf(stream).includes('audit');
    });
  } finally {
    await redis.dispose();
  }
}, 30_000);

test('the stream of a user ends with the token', async () => {
  const short = await stack.boot({ USER_TOKEN_TTL_SECONDS: '2' });
  await waitFor('the bus', () => short.running.services.bus.isUp);
  const stream = await listen(await short.client.login());
  await waitFor('the end', () => stream.ended(), { timeoutMs: 6000 });
  expect(stream.text()).toMatch(/event: end\ndata: {"reason":"token_expired"}\n\n$/);
});

test('the stream of a user who is suspended ends', async () => {
  const id = await admin.create('/users', { username: 'leaver@localhost', password: PASSWORD, roles: ['organization.viewer'] });
  const { accessToken } = (await anonymous.post('/auth/login', { username: 'leaver@localhost', password: PASSWORD })).body;
  const stream = await listen(anonymous.with({ Authorization: `Bearer ${String(accessToken)}` }));
  await admin.patch(`/users/${id}`, { status: 'suspended' });
  await waitFor('the end', () => stream.ended());
  expect(stream.text()).toMatch(/event: end\ndata: {"reason":"revoked"}\n\n$/);
});

test('a replica that stops says so', async () => {
  const leaving = await stack.boot();
  await waitFor('the bus', () => leaving.running.services.bus.isUp);
  const stream = await listen(leaving.client.with(admin.headers));
  await leaving.running.close();
  await waitFor('the end', () => stream.ended());
  expect(stream.text()).toMatch(/event: end\ndata: {"reason":"shutdown"}\n\n$/);
});

test('a reader that does not read is sent away; others are not', async () => {
  const reader = await listen(admin, '?types=health');
  const slow = await listen(admin, '?types=health');
  slow.pause();
  const filler = 'x'.repeat(50_000);
  await waitFor('the end of the slow one', async () => {
    for (let i = 0; i < 20; i++) running.services.bus.notify('vps.health.changed', forwardedNotices(ORG, filler)['vps.health.changed']);
    return (await openStreams(anonymous)) === 1;
  }, { timeoutMs: 20_000 });
  slow.resume();
  await waitFor('the reason', () => slow.ended());
  expect(slow.text().slice(-100)).toMatch(/event: end\ndata: {"reason":"slow_consumer"}\n\n$/);
  expect(reader.ended()).toBe(false);
}, 40_000);

test('only owners see the audit log; editors, viewers and keys see the rest', async () => {
  await admin.create('/users', { username: 'editor@localhost', password: PASSWORD, roles: ['organization.editor'] });
  await admin.create('/users', { username: 'owner@localhost', password: PASSWORD, roles: ['organization.owner'] });
  const loginAs = async (username: string) => {
    const { accessToken } = (await anonymous.post('/auth/login', { username, password: PASSWORD })).body;
    return anonymous.with({ Authorization: `Bearer ${String(accessToken)}` });
  };
  const [editor, owner] = [await listen(await loginAs('editor@localhost')), await listen(await loginAs('owner@localhost'))];
  const id = await admin.create('/agents', { name: 'Watched' });
  await admin.patch(`/agents/${id}`, { name: 'Watched again' });
  await waitFor('the changes', () => owner.text().includes('"agent.update"') && eventsOf(editor).includes('config'));
  expect(eventsOf(editor)).not.toContain('audit');
});

test('notices that belong to nobody are dropped, types are filtered', async () => {
  const all = await listen(admin);
  const config = await listen(admin, '?types=config,health');
  for (const [pattern, { orgId: _ours, ...nobodys }] of Object.entries(forwardedNotices(ORG, 'nobody'))) {
    emitRaw(running, pattern, nobodys);
    emitRaw(running, pattern, { ...nobodys, orgId: 5 });
  }
  for (const [pattern, notice] of Object.entries(forwardedNotices(ORG, 'somebody'))) emitRaw(running, pattern, notice);
  await waitFor('the last', () => all.text().includes('"source":"cluster.presence.changed"') && config.text().includes('"source":"cluster.presence.changed"'));
  expect(all.text()).not.toContain('nobody');
  expect(eventsOf(all)).toEqual(['ready', 'presence', 'config', 'audit', 'health', 'health', 'health', 'health']);
  expect(eventsOf(config)).toEqual(['ready', 'config', 'health', 'health', 'health', 'health']);
  expect((await admin.get('/events?types=config,nonsense')).status).toBe(400);
});

test('HEAD tells what GET would answer, ends, and holds no place', async () => {
  await waitFor('the streams of other tests to end', async () => (await openStreams(anonymous)) === 0);
  const head = (client: Client, query = '') => fetch(`${client.url}/events${query}`, { method: 'HEAD', headers: { ...client.headers }, signal: AbortSignal.timeout(5000) });
  const answer = await head(admin);
  expect([answer.status, answer.headers.get('content-type'), await answer.text()]).toEqual([200, 'text/event-stream; charset=utf-8', '']);
  expect([(await head(admin, '?types=nonsense')).status, (await head(anonymous)).status]).toEqual([400, 401]);
  expect(await openStreams(anonymous)).toBe(0);
});

test('a hundred streams for each organization and replica, the next is 429; a comment comes every 15 s', async () => {
  const orgId = await admin.create('/organizations', { name: 'many-streams' });
  const inOrg = admin.with({ ...admin.headers, 'X-Organization-Id': orgId });
  const open = await Promise.all(Array.from({ length: 100 }, () => listen(inOrg)));
  const refused = await inOrg.get('/events');
  expect([refused.status, refused.body['code'], Number(refused.headers.get('retry-after')) > 0]).toEqual([429, 'RATE_LIMITED', true]);
  await listen(admin); // other organizations have room
  open[0]?.close();
  await waitFor('room', async () => (await openStreams(anonymous)) === 100);
  const again = await listen(inOrg);
  await waitFor('a comment', () => /^:\n\n/m.test(again.text()), { timeoutMs: 20_000 });
}, 60_000);
