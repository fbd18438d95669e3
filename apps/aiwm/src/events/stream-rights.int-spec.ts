import { OwnRedis, waitFor } from '@agentfleet/testing';
import type { RunningApp } from '@agentfleet/platform';
import { aiwmStack, type Client, type Stack } from '../app-specs/aiwm-stack.fixture';
import { openStream, type OpenStream } from './open-stream.fixture';

const PASSWORD = 'a quiet long password';
const LIFE_MS = 8000;

interface Actors {
  /** Where what happens to credentials is asked for. */
  readonly admin: Client;
  /** Where the stream is open. */
  readonly there: Client;
  /** Issues tokens that live `LIFE_MS`. */
  readonly short: Client;
}

interface Opened {
  readonly stream: OpenStream;
  readonly id: string;
}

/** A stream, what happens to its caller's credential, and how the stream ends; undefined: it goes on, with fewer rights. */
interface Case {
  readonly what: string;
  readonly open: (actors: Actors) => Promise<Opened>;
  readonly happens?: (admin: Client, id: string) => Promise<{ readonly status: number }>;
  readonly reason: 'revoked' | 'token_expired' | undefined;
}

const withKey = (body: () => object) => async ({ admin, there }: Actors): Promise<Opened> => {
  const made = (await admin.post('/api-keys', { name: 'reader', scopes: ['agents:read', 'vps:read'], ...body() })).body;
  return { id: String(made['_id']), stream: await openStream(there.with({ 'X-API-Key': String(made['key']) })) };
};
const withUser = (username: string, role: string, login: 'admin' | 'short' = 'admin') => async (actors: Actors): Promise<Opened> => {
  const id = await actors.admin.create('/users', { username, password: PASSWORD, roles: [role] });
  const { accessToken } = (await actors[login].post('/auth/login', { username, password: PASSWORD })).body;
  return { id, stream: await openStream(actors.there.with({ Authorization: `Bearer ${String(accessToken)}` })) };
};
const key = withKey(() => ({}));
const change = (path: string, body: object) => (admin: Client, id: string) => admin.patch(`${path}/${id}`, body);

/** Those that end by their time come last: the others are opened before. */
const CASES: readonly Case[] = [
  { what: 'a revoked key', open: key, happens: (admin, id) => admin.delete(`/api-keys/${id}`), reason: 'revoked' },
  { what: 'a key that lost the scope', open: key, happens: change('/api-keys', { scopes: ['vps:read'] }), reason: 'revoked' },
  { what: 'a key that ends sooner', open: key, happens: (admin, id) => change('/api-keys', { expiresAt: new Date(Date.now() + 500).toISOString() })(admin, id), reason: 'revoked' },
  { what: 'a rotated key', open: key, happens: (admin, id) => admin.post(`/api-keys/${id}/rotate`, {}), reason: 'revoked' },
  { what: 'a suspended user', open: withUser('suspended@localhost', 'organization.viewer'), happens: change('/users', { status: 'suspended' }), reason: 'revoked' },
  { what: 'a user with another password', open: withUser('password@localhost', 'organization.viewer'), happens: change('/users', { password: 'another quiet password' }), reason: 'revoked' },
  { what: 'a deleted user', open: withUser('deleted@localhost', 'organization.viewer'), happens: (admin, id) => admin.delete(`/users/${id}`), reason: 'revoked' },
  { what: 'a user who is demoted', open: withUser('demoted@localhost', 'organization.owner'), happens: change('/users', { roles: ['organization.viewer'] }), reason: undefined },
  { what: 'an expired key', open: withKey(() => ({ expiresAt: new Date(Date.now() + LIFE_MS).toISOString() })), reason: 'revoked' },
  { what: 'an expired token', open: withUser('short@localhost', 'organization.viewer', 'short'), reason: 'token_expired' },
];

describe.each(['with the bus', 'while Redis is away'])('%s', (how) => {
  const isAway = how === 'while Redis is away';
  let stack: Stack;
  let redis: OwnRedis;
  let there: RunningApp;
  let admin: Client;
  const opened = new Map<string, Opened>();

  beforeAll(async () => {
    stack = await aiwmStack();
    redis = await OwnRedis.create();
    await redis.start();
    const boot = (env = {}) => stack.boot({ REDIS_URL: redis.url, ...env });
    const [one, other, third] = [await boot(), await boot(), await boot({ USER_TOKEN_TTL_SECONDS: String(LIFE_MS / 1000) })];
    there = other.running;
    await waitFor('the bus', () => one.running.services.bus.isUp && there.services.bus.isUp);
    admin = await one.client.login();
    for (const { what, open } of CASES) opened.set(what, await open({ admin, there: other.client, short: third.client }));
    if (!isAway) return;
    await redis.kill();
    await waitFor('the loss of the bus', () => !there.services.bus.isUp);
  }, 60_000);
  afterAll(async () => {
    for (const { stream } of opened.values()) stream.close();
    await stack.close();
    await redis.dispose();
  });

  test.each(CASES.filter(({ reason }) => reason !== undefined))('the stream of $what ends', async ({ what, happens, reason }) => {
    const { stream, id } = opened.get(what)!;
    if (happens) {
      expect(stream.ended()).toBe(false);
      expect((await happens(admin, id)).status).toBe(200);
      if (isAway) await there.services.live.sweep(); // comes by itself within 30 s
    }
    await waitFor('the end', () => stream.ended(), { timeoutMs: LIFE_MS + 4000 });
    expect(stream.text()).toContain(`event: end\ndata: {"reason":"${reason}"}\n\n`);
  });

  test('the stream of a user who is demoted goes on without what only owners see', async () => {
    const { stream, id } = opened.get('a user who is demoted')!;
    expect((await admin.patch(`/users/${id}`, { roles: ['organization.viewer'] })).status).toBe(200);
    if (isAway) {
      await there.services.live.sweep();
      await redis.start();
      await waitFor('the bus', () => there.services.bus.isUp);
    }
    const agentId = await admin.create('/agents', { name: 'Watched' });
    await waitFor('an event', async () => {
      await admin.patch(`/agents/${agentId}`, { name: `Watched at ${Date.now()}` });
      return stream.text().includes(agentId);
    });
    const since = stream.text().indexOf(agentId);
    await admin.patch(`/agents/${agentId}`, { name: 'Watched to the end' });
    await waitFor('another event', () => stream.text().lastIndexOf(agentId) > since);
    expect(stream.ended()).toBe(false);
    expect(stream.text()).not.toContain('"action":"agent.');
  });
});
