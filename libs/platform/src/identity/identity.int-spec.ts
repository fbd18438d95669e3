import { createHash } from 'node:crypto';
import { AppError } from '@agentfleet/errors';
import { bootReplicas, waitFor, type IdentityFixtures, type Replicas } from '@agentfleet/testing';
import { bootApp, type RunningApp } from '../boot-app';
import { probeApp } from '../probe-app.fixture';

let fleet: Replicas<typeof probeApp, RunningApp>;
let identity: IdentityFixtures;
beforeAll(async () => {
  fleet = await bootReplicas(bootApp, probeApp);
  ({ identity } = fleet);
});
afterAll(() => fleet.close());

test('a genuinely signed token without an end is refused, of users and of agents', async () => {
  const user = await identity.user({ roles: ['organization.viewer'] });
  const claims = { iss: 'aiwm', aud: 'user', sub: user.id, tokenVersion: 1 };
  const status = async (token: string) => (await fleet.http({ Authorization: `Bearer ${token}` }).get('/p/me')).status;
  expect(await status(await identity.sign({ ...claims, exp: 9_999_999_999 }))).toBe(200);
  expect(await status(await identity.sign(claims))).toBe(401);
  expect(await status(await identity.sign({ iss: 'aiwm', aud: 'agent', sub: user.id, agentId: user.id }))).toBe(401);
});

test('no credentials at all are told apart from wrong ones', async () => {
  const words = async (headers: Record<string, string>) => {
    const { status, body } = await fleet.http(headers).get('/p/me');
    return [status, JSON.stringify(body)];
  };
  expect(await words({})).toEqual([401, expect.stringContaining('No credentials')]);
  expect(await words({ Authorization: 'Basic eA==' })).toEqual([401, expect.stringContaining('must be Bearer')]);
  expect(await words({ 'X-API-Key': 'nonsense' })).toEqual([401, expect.stringContaining('no API key')]);
  expect(await words({ 'X-API-Key': `afk_${'x'.repeat(43)}` })).toEqual([401, expect.stringContaining('unknown, revoked or expired')]);
  expect(await words({ Authorization: 'Bearer a.b.c' })).toEqual([401, expect.stringContaining('not genuine')]);
});

test('a key that many present at once is read once, and one that was made meanwhile works at once', async () => {
  const { identityStore } = fleet.first.services;
  const { key } = await identity.apiKey({ scopes: [] });
  const hash = createHash('sha256').update(key).digest('hex');
  const records = await Promise.all(Array.from({ length: 50 }, () => identityStore.apiKeyByHash(hash)));
  expect(records[0]?.hash).toBe(hash);
  expect(new Set(records).size).toBe(1); // each read makes a record of its own
  identityStore.forgetKey(records[0]?.id ?? '');
  expect(await identityStore.apiKeyByHash(hash)).not.toBe(records[0]);
  const later = 'f'.repeat(64);
  const before = identityStore.apiKeyByHash(later); // began before the key was made
  await fleet.database.db.collection('api_keys').insertOne({ orgId: 'o', name: 'later', hash: later, previousHash: null, scopes: [], limits: {}, expiresAt: null, revokedAt: null });
  expect((await identityStore.apiKeyByHash(later))?.name).toBe('later');
  await before;
});

describe('creations in an organization', () => {
  const createIn = <T>(orgId: string, work: () => Promise<T>) => {
    const { identityStore, transactions } = fleet.first.services;
    return identityStore.createIn(orgId, transactions, work);
  };

  test('fail when it is gone, except in the default one, which is there without a record too', async () => {
    await expect(createIn('f'.repeat(24), async () => 1)).rejects.toMatchObject({ code: 'not_found' });
    expect(await createIn('000000000000000000000001', async () => 1)).toBe(1);
  });

  test('take turns, go on after a failure, and hear at once that storage is away', async () => {
    const orgId = await identity.organization();
    const order: string[] = [];
    const failing = createIn(orgId, async () => {
      order.push('first');
      throw new Error('refused');
    });
    const second = createIn(orgId, async () => void order.push('second'));
    await expect(failing).rejects.toThrow('refused');
    await second;
    let fail: ((error: Error) => void) | undefined;
    const away = createIn(orgId, () => new Promise<void>((_resolve, reject) => (fail = reject)));
    const behind = [1, 2, 3].map(() => createIn(orgId, async () => void order.push('never')));
    const ends = Promise.allSettled([away, ...behind]);
    (await waitFor('the first to have begun', () => fail))(new AppError('storage_unavailable'));
    expect(await ends).toEqual(Array(4).fill(expect.objectContaining({ reason: expect.objectContaining({ code: 'storage_unavailable' }) })));
    await createIn(orgId, async () => void order.push('third'));
    expect(order).toEqual(['first', 'second', 'third']);
  });
});
