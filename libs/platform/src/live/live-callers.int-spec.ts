import { createHash, randomBytes } from 'node:crypto';
import type { NoticeMap, NoticePattern, Scope } from '@agentfleet/contracts';
import { bootReplicas, waitFor, type IdentityFixtures, type Replicas } from '@agentfleet/testing';
import { mongo } from 'mongoose';
import { bootApp, type RunningApp } from '../boot-app';
import { probeApp } from '../probe-app.fixture';
import type { LiveCaller, LostRights } from './live-callers';

let fleet: Replicas<typeof probeApp, RunningApp>;
let fixtures: IdentityFixtures;
let withBus: RunningApp;
let withoutBus: RunningApp;
beforeAll(async () => {
  fleet = await bootReplicas(bootApp, probeApp);
  fixtures = fleet.identity;
  withBus = fleet.first;
  withoutBus = await fleet.boot({ REDIS_URL: 'redis://127.0.0.1:1' });
  await waitFor('the bus', () => withBus.services.bus.isUp);
});
afterAll(() => fleet.close());

const AT = '2026-01-01T00:00:00.000Z';
const READ = 'sessions:read';

interface Watched {
  readonly connection: LiveCaller;
  readonly ends: LostRights[];
}

async function watch({ services }: RunningApp, authorization: string): Promise<Watched> {
  const ends: LostRights[] = [];
  const caller = await services.identity.authenticate({ apiKey: undefined, authorization, organizationId: undefined, sourceAddress: '127.0.0.1' });
  return { ends, connection: services.live.add(caller, [READ], (why) => ends.push(why)) };
}

const hashOf = (key: string) => createHash('sha256').update(key).digest('hex');
const change = async (collection: 'api_keys' | 'users', id: string, set: object) =>
  void (await fleet.database.db.collection(collection).updateOne({ _id: new mongo.ObjectId(id) }, { $set: set }));

/** What AIWM writes, the notice that it sends, and what is to become of an open connection that needs `sessions:read`. */
interface Case {
  readonly what: string;
  readonly kind: 'key' | 'user';
  readonly write: (id: string) => Promise<void>;
  readonly pattern: NoticePattern | undefined;
  readonly ends: LostRights | 'lives on';
  /** Scopes that it must not have any more. */
  readonly without?: Scope;
}

const CASES: readonly Case[] = [
  { what: 'key revoked', kind: 'key', write: (id) => change('api_keys', id, { revokedAt: new Date() }), pattern: 'key.revoked', ends: 'revoked' },
  { what: 'key without the scope', kind: 'key', write: (id) => change('api_keys', id, { scopes: ['agents:read'] }), pattern: 'key.changed', ends: 'scope' },
  { what: 'key without another scope', kind: 'key', write: (id) => change('api_keys', id, { scopes: [READ] }), pattern: 'key.changed', ends: 'lives on', without: 'sessions:execute' },
  { what: 'key rotated', kind: 'key', write: (id) => change('api_keys', id, { hash: hashOf(randomBytes(32).toString('hex')), previousHash: null }), pattern: 'key.rotated', ends: 'revoked' },
  { what: 'key that ends sooner', kind: 'key', write: (id) => change('api_keys', id, { expiresAt: new Date(Date.now() - 1) }), pattern: 'key.changed', ends: 'revoked' },
  { what: 'key deleted', kind: 'key', write: async (id) => void (await fleet.database.db.collection('api_keys').deleteOne({ _id: new mongo.ObjectId(id) })), pattern: 'key.revoked', ends: 'revoked' },
  { what: 'user demoted', kind: 'user', write: (id) => change('users', id, { roles: ['organization.viewer'] }), pattern: 'user.revoked', ends: 'lives on', without: 'sessions:execute' },
  { what: 'user without any role', kind: 'user', write: (id) => change('users', id, { roles: [] }), pattern: 'user.revoked', ends: 'scope' },
  { what: 'user suspended', kind: 'user', write: (id) => change('users', id, { status: 'suspended' }), pattern: 'user.revoked', ends: 'revoked' },
  { what: 'password changed', kind: 'user', write: (id) => change('users', id, { tokenVersion: 2 }), pattern: 'user.revoked', ends: 'revoked' },
];

async function opened(app: RunningApp, kind: Case['kind']): Promise<Watched & { readonly id: string }> {
  const made = kind === 'key' ? await fixtures.apiKey({ scopes: [READ, 'sessions:execute'] }) : await fixtures.user({ roles: ['organization.editor'] });
  return { ...(await watch(app, made.headers.Authorization)), id: made.id };
}

describe.each(CASES)('$what', ({ kind, write, pattern, ends, without }) => {
  const isDone = ({ connection, ends: seen }: Watched) => (ends === 'lives on' ? without !== undefined && !connection.has(without) : seen.length > 0);

  test('with the bus: at once', async () => {
    const mine = await opened(withBus, kind);
    const neighbour = await opened(withBus, kind);
    await write(mine.id);
    const notice = { orgId: 'an organization', keyId: mine.id, userId: mine.id, tokenVersion: 2, at: AT };
    if (pattern) withBus.services.bus.notify(pattern, notice as NoticeMap[typeof pattern]); // has the fields of both
    await waitFor('the loss', () => isDone(mine), { timeoutMs: 1000 });
    expect(mine.ends).toEqual(ends === 'lives on' ? [] : [ends]);
    expect(neighbour.ends).toEqual([]);
  });

  test('without the bus: with the next sweep', async () => {
    const mine = await opened(withoutBus, kind);
    const neighbour = await opened(withoutBus, kind);
    await write(mine.id);
    await withoutBus.services.live.sweep();
    expect(isDone(mine)).toBe(true);
    expect(mine.ends).toEqual(ends === 'lives on' ? [] : [ends]);
    expect(neighbour.ends).toEqual([]);
  });
});

test.each(['token', 'key', 'rotated key at the end of its overlap'])('a %s that is over ends its connection by itself', async (what) => {
  const endsAt = new Date(Date.now() + 1500);
  const key = await fixtures.apiKey({ scopes: [READ], ...(what === 'key' ? { expiresAt: endsAt } : {}) });
  if (what.startsWith('rotated')) await change('api_keys', key.id, { hash: hashOf('another'), previousHash: hashOf(key.key), previousValidUntil: endsAt });
  const user = await fixtures.user({ roles: ['organization.viewer'] });
  const token = await fixtures.sign({ iss: 'aiwm', aud: 'user', sub: user.id, tokenVersion: 1, exp: Math.ceil(endsAt.getTime() / 1000) });
  const mine = await watch(withoutBus, what === 'token' ? `Bearer ${token}` : key.headers.Authorization);
  expect(mine.ends).toEqual([]);
  await waitFor('the end', () => mine.ends.length > 0, { timeoutMs: 6000 });
  expect(mine.ends).toEqual(['expired']);
});

test('an agent loses its connection when its tokens are revoked, not when older ones are', async () => {
  const agentId = 'a'.repeat(24);
  const authorization = `Bearer ${await fixtures.agentToken({ agentId })}`;
  const { services } = withBus;
  const ends: LostRights[] = [];
  const caller = await services.identity.authenticate({ apiKey: undefined, authorization, organizationId: undefined, sourceAddress: '127.0.0.1' });
  services.live.add(caller, [], (why) => ends.push(why));
  const notice = { orgId: caller.orgId, agentId, previousValidUntil: null, reason: 'rotated', at: AT };
  services.live.agentRevoked({ ...notice, tokenVersion: 1 });
  expect(ends).toEqual([]);
  services.live.agentRevoked({ ...notice, tokenVersion: 2 });
  expect(ends).toEqual(['revoked']);
});

test('somebody who acts in an organization that is deleted loses the connection; nobody does while the database is away', async () => {
  const orgId = await fixtures.organization();
  const owner = await fixtures.user({ roles: ['universe.owner'] });
  const { services } = withoutBus;
  const caller = await services.identity.authenticate({ apiKey: undefined, authorization: owner.headers.Authorization, organizationId: orgId, sourceAddress: '127.0.0.1' });
  const ends: LostRights[] = [];
  const connection = services.live.add(caller, [], (why) => ends.push(why));
  await services.live.sweep();
  expect(connection.caller).toMatchObject({ orgId, allOrganizations: false });
  expect(ends).toEqual([]);
  await fleet.database.db.collection('organizations').deleteOne({ _id: new mongo.ObjectId(orgId) });
  await services.live.sweep();
  expect(ends).toEqual(['revoked']);
});

test('what changed while the connection was being made counts, too', async () => {
  const { services } = withoutBus;
  const key = await fixtures.apiKey({ scopes: [READ] });
  const caller = await services.identity.authenticate({ apiKey: key.key, authorization: undefined, organizationId: undefined, sourceAddress: '127.0.0.1' });
  await fixtures.revokeApiKey(key.id);
  services.identityStore.forgetKey(key.id); // as the notice does, while nobody is there yet to be closed
  const ends: LostRights[] = [];
  services.live.add(caller, [READ], (why) => ends.push(why));
  await waitFor('the end', () => ends.length > 0, { timeoutMs: 1000 });
  expect(ends).toEqual(['revoked']);
});

test('a look that began before a change and ends after it does not bring the old rights back', async () => {
  const { services } = withoutBus;
  const mine = await opened(withoutBus, 'key');
  const { identity, live } = services;
  const old = mine.connection.caller;
  const endOf: (() => void)[] = [];
  const slow = jest.spyOn(identity, 'recheck').mockImplementationOnce(() => new Promise((resolve) => endOf.push(() => resolve(old))));
  const slowLook = live.recheck((caller) => caller.id === mine.id);
  await change('api_keys', mine.id, { scopes: [READ] });
  services.identityStore.forgetKey(mine.id);
  await live.recheck((caller) => caller.id === mine.id);
  expect(mine.connection.has('sessions:execute')).toBe(false);
  endOf[0]?.();
  await slowLook;
  slow.mockRestore();
  expect(mine.connection.has('sessions:execute')).toBe(false);
});

test('a connection whose end fails keeps nobody else open', async () => {
  const { services } = withoutBus;
  const key = await fixtures.apiKey({ scopes: [READ] });
  const caller = await services.identity.authenticate({ apiKey: key.key, authorization: undefined, organizationId: undefined, sourceAddress: '127.0.0.1' });
  const ends: LostRights[] = [];
  services.live.add(caller, [READ], () => {
    throw new Error('a bug of the app');
  });
  services.live.add(caller, [READ], (why) => ends.push(why));
  await fixtures.revokeApiKey(key.id);
  services.identityStore.forgetKey(key.id);
  await services.live.recheck(({ id }) => id === key.id);
  expect(ends).toEqual(['revoked']);
});

test('an agent whose revocation names no time loses its connection at once', async () => {
  const agentId = 'b'.repeat(24);
  const authorization = `Bearer ${await fixtures.agentToken({ agentId })}`;
  const { services } = withBus;
  const ends: LostRights[] = [];
  const caller = await services.identity.authenticate({ apiKey: undefined, authorization, organizationId: undefined, sourceAddress: '127.0.0.1' });
  services.live.add(caller, [], (why) => ends.push(why));
  services.live.agentRevoked({ orgId: caller.orgId, agentId, tokenVersion: 2, previousValidUntil: 'soon', reason: 'rotated', at: AT });
  expect(ends).toEqual(['revoked']);
});

test('after its removal a connection is not closed any more', async () => {
  const mine = await opened(withoutBus, 'key');
  mine.connection.remove();
  await fixtures.revokeApiKey(mine.id);
  await withoutBus.services.live.sweep();
  expect(mine.ends).toEqual([]);
});
