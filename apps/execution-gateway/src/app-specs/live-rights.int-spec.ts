import { createHash, randomBytes } from 'node:crypto';
import { DEFAULT_ORGANIZATION_ID, type NoticeMap, type NoticePattern } from '@agentfleet/contracts';
import type { RunningApp } from '@agentfleet/platform';
import { waitFor, type IdentityFixtures } from '@agentfleet/testing';
import { mongo } from 'mongoose';
import { ask, Client, newSession, TestGateway } from './gateway.fixture';

let gateway: TestGateway;
let identity: IdentityFixtures;
let withBus: RunningApp;
let withoutBus: RunningApp;
let session: string;
beforeAll(async () => {
  gateway = await TestGateway.create({ GATEWAY_RATE_LIMIT_PER_SECOND: '0', LOG_LEVEL: 'silent' });
  identity = gateway.identity;
  [withBus, withoutBus] = [await gateway.boot(), await gateway.boot({ REDIS_URL: 'redis://127.0.0.1:1' })];
  await waitFor('the bus', () => withBus.services.bus.isUp);
  session = await newSession(withBus);
});
afterAll(() => gateway.close());

const hashOf = (key: string) => createHash('sha256').update(key).digest('hex');
const set = async (collection: 'api_keys' | 'users', id: string, fields: object) =>
  void (await gateway.database.db.collection(collection).updateOne({ _id: new mongo.ObjectId(id) }, { $set: fields }));

/** What becomes of a connection: it ends, or it goes on watching and may not execute any more. */
type Fate = 'ends' | 'only watches';

/** What AIWM writes and the notice that it sends. */
interface Case {
  readonly what: string;
  readonly who: 'key' | 'user';
  readonly write: (id: string) => Promise<void>;
  readonly notice: NoticePattern | undefined;
  readonly fate: Fate;
}

const CASES: readonly Case[] = [
  { what: 'key revoked', who: 'key', write: (id) => set('api_keys', id, { revokedAt: new Date() }), notice: 'key.revoked', fate: 'ends' },
  { what: 'key that may not execute any more', who: 'key', write: (id) => set('api_keys', id, { scopes: ['sessions:read'] }), notice: 'key.changed', fate: 'only watches' },
  { what: 'key that may not read any more', who: 'key', write: (id) => set('api_keys', id, { scopes: ['sessions:execute'] }), notice: 'key.changed', fate: 'ends' },
  { what: 'key rotated', who: 'key', write: (id) => set('api_keys', id, { hash: hashOf(randomBytes(32).toString('hex')), previousHash: null }), notice: 'key.rotated', fate: 'ends' },
  { what: 'key over', who: 'key', write: (id) => set('api_keys', id, { expiresAt: new Date(Date.now() - 1) }), notice: 'key.changed', fate: 'ends' },
  { what: 'user demoted', who: 'user', write: (id) => set('users', id, { roles: ['organization.viewer'] }), notice: 'user.revoked', fate: 'only watches' },
  { what: 'user without any role', who: 'user', write: (id) => set('users', id, { roles: [] }), notice: 'user.revoked', fate: 'ends' },
  { what: 'user suspended', who: 'user', write: (id) => set('users', id, { status: 'suspended' }), notice: 'user.revoked', fate: 'ends' },
  { what: 'password changed', who: 'user', write: (id) => set('users', id, { tokenVersion: 2 }), notice: 'user.revoked', fate: 'ends' },
];

async function credential(who: Case['who']): Promise<{ id: string; headers: Record<string, string> }> {
  const { id, headers } = who === 'key' ? await identity.apiKey({ scopes: ['sessions:read', 'sessions:execute'] }) : await identity.user({ roles: ['organization.editor'] });
  return { id, headers: { ...headers } };
}

interface Connection {
  readonly hasEnded: () => boolean;
  /** Asserts that it ended as the contract says. */
  readonly expectEnd: () => void;
  readonly mayExecute: () => Promise<boolean>;
  readonly leave: () => void;
}

async function overSocket(replica: RunningApp, headers: Record<string, string>): Promise<Connection> {
  const client = await Client.open(replica, session, headers);
  return {
    hasEnded: () => client.closed !== null,
    expectEnd: () => expect(client.closed).toEqual({ code: 1008, reason: 'credential revoked' }),
    mayExecute: async () => {
      const before = client.received.length;
      client.send({ action: 'cancel' }); // without a run it does nothing, for those who may
      const answer = await waitFor('an answer', () => client.received[before]);
      return answer.frame.data['code'] !== 'forbidden';
    },
    leave: () => client.close(),
  };
}

async function overEvents(replica: RunningApp, headers: Record<string, string>): Promise<Connection> {
  const abort = new AbortController();
  const response = await fetch(`${replica.url}/sessions/${session}/events/stream`, { headers, signal: abort.signal });
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8']);
  let ended = false;
  void response.text().then(
    () => (ended = true),
    () => undefined,
  );
  return {
    hasEnded: () => ended,
    expectEnd: () => undefined,
    mayExecute: async () => (await ask(replica, 'POST', `/sessions/${session}/cancel`, {}, { 'x-api-key': '', ...headers })).status === 200,
    leave: () => abort.abort(),
  };
}

describe.each([['socket', overSocket], ['event stream', overEvents]] as const)('a %s', (_kind, open) => {
  describe.each(CASES)('$what', ({ who, write, notice, fate }) => {
    it.each(['at once by the notice', 'without Redis with the next sweep'])('%s', async (way) => {
      const replica = way.startsWith('at once') ? withBus : withoutBus;
      const [mine, neighbour] = [await credential(who), await credential(who)];
      const [connection, other] = [await open(replica, mine.headers), await open(replica, neighbour.headers)];
      expect(await connection.mayExecute()).toBe(true);
      await write(mine.id);
      const payload = { orgId: DEFAULT_ORGANIZATION_ID, keyId: mine.id, userId: mine.id, tokenVersion: 2, at: new Date().toISOString() };
      if (replica === withoutBus) await replica.services.live.sweep();
      else if (notice) replica.services.bus.notify(notice, payload as NoticeMap[typeof notice]); // has the fields of both kinds
      if (fate === 'ends') {
        await waitFor('the end', connection.hasEnded, { timeoutMs: 2000 });
        connection.expectEnd();
      } else {
        await waitFor('the loss', async () => !(await connection.mayExecute()), { timeoutMs: 2000 });
        expect(connection.hasEnded()).toBe(false);
      }
      expect(other.hasEnded()).toBe(false);
      expect(await other.mayExecute()).toBe(true);
      connection.leave();
      other.leave();
    });
  });

  it.each([() => withBus, () => withoutBus])('of a token that is over ends by itself', async (replica) => {
    const user = await identity.user({ roles: ['organization.editor'] });
    const token = await identity.sign({ iss: 'aiwm', aud: 'user', sub: user.id, tokenVersion: 1, exp: Math.ceil(Date.now() / 1000) + 2 });
    const connection = await open(replica(), { Authorization: `Bearer ${token}` });
    expect(connection.hasEnded()).toBe(false);
    await waitFor('the end', connection.hasEnded, { timeoutMs: 6000 });
    connection.expectEnd();
  });
});

it('no watcher is left of streams that ended, and none begins with a HEAD', async () => {
  expect((await ask(withBus, 'HEAD', `/sessions/${session}/events/stream`)).status).toBe(200);
  await waitFor('the last watcher', async () => /^gateway_watchers\{transport="sse"\} 0$/m.test((await ask(withBus, 'GET', '/metrics')).text));
});
