import { generateKeyPairSync } from 'node:crypto';
import { waitFor } from '@agentfleet/testing';
import { aiwmStack, type Client, type Stack } from '../app-specs/aiwm-stack.fixture';

const SECRET = 'a secret of its own';
/** The shorter a token lives the more often its key is renewed: every three seconds. */
const LIFE = { AGENT_TOKEN_TTL_SECONDS: '12', USER_TOKEN_TTL_SECONDS: '12' };

let stack: Stack;
beforeEach(async () => {
  stack = await aiwmStack();
});
afterEach(() => stack.close());

function anotherKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString().replace(/\n/g, '\\n');
}

const kids = async (client: Client) => ((await client.get('/.well-known/jwks.json')).body['keys'] as { kid: string }[]).map(({ kid }) => kid);
const partOf = (token: unknown, part: 0 | 1) => JSON.parse(Buffer.from(String(token).split('.')[part] ?? '', 'base64url').toString());
const kidOf = (token: unknown): string => partOf(token, 0).kid;
const expiryOf = (token: unknown): number => 1000 * partOf(token, 1).exp;

const records = () => stack.database.db.collection<{ _id: string; validUntil: Date }>('signing_keys');
const endOf = async (kid: string) => (await records().findOne({ _id: kid }))?.validUntil.getTime() ?? 0;
const setEnd = (kid: string, at: number) => records().updateOne({ _id: kid }, { $set: { validUntil: new Date(at) } });
/** Waits for the replica that signs with it, and returns the new end. */
async function renewed(kid: string): Promise<number> {
  await setEnd(kid, Date.now() + 1000);
  const before = await endOf(kid);
  return waitFor('a renewal', async () => ((await endOf(kid)) > before ? endOf(kid) : undefined), { timeoutMs: 20_000 });
}

test('an older signing key ends one token lifetime after the last replica that signs with it, not before', async () => {
  const old = await stack.boot(LIFE);
  const admin = await old.client.login();
  const id = await admin.create('/agents', { name: 'Signed', secret: SECRET });
  const connect = async (client: Client) => (await client.post(`/agents/${id}/connect`, { secret: SECRET })).body['token'];
  const oldKid = kidOf(await connect(old.client));
  const next = await stack.boot({ ...LIFE, JWT_PRIVATE_KEY: anotherKey() });
  const newKid = kidOf(await connect(next.client));
  expect(new Set(await kids(next.client))).toEqual(new Set([oldKid, newKid]));
  // without this the key would end here: the old replica still signs
  await renewed(oldKid);
  const last = await connect(old.client);
  expect((await next.client.with({ Authorization: `Bearer ${String(last)}` }).post(`/agents/${id}/heartbeat`, { status: 'online' })).status).toBe(200);
  const end = await renewed(oldKid);
  expect(end).toBeGreaterThanOrEqual(expiryOf(last));
  await old.running.close();
  const lastEnd = await endOf(oldKid);
  expect(lastEnd).toBeGreaterThanOrEqual(end);
  await renewed(newKid); // a replica lets no key live on but its own
  expect(await endOf(oldKid)).toBe(lastEnd);
  await setEnd(oldKid, Date.now() - 1);
  await waitFor('the end of the old key', async () => !(await kids(next.client)).includes(oldKid));
  expect(await kids(next.client)).toEqual([newKid]);
  const third = await stack.boot(LIFE); // a replica that never saw the old token verifies by what is stored
  expect(kidOf(await connect(third.client))).toBe(oldKid); // the key that it signs with is good again
  expect(new Set(await kids(next.client))).toEqual(new Set([oldKid, newKid]));
});

test('a key that is gone verifies nothing: its tokens are refused though they have not expired', async () => {
  const old = await stack.boot();
  const admin = await old.client.login();
  await old.running.close();
  await stack.database.db.collection('signing_keys').updateMany({}, { $set: { validUntil: new Date(Date.now() - 1000) } });
  const next = await stack.boot({ JWT_PRIVATE_KEY: anotherKey() });
  const refused = await next.client.with(admin.headers).get('/auth/profile');
  expect([refused.status, refused.body['code']]).toEqual([401, 'UNAUTHENTICATED']);
  expect((await (await next.client.login()).get('/auth/profile')).status).toBe(200);
});

test('a new signing key needs no flag day: users of both are good at both replicas, both keys are published', async () => {
  const before = await stack.boot();
  const old = await before.client.login();
  const after = await stack.boot({ JWT_PRIVATE_KEY: anotherKey() });
  const fresh = await after.client.login();
  expect((await after.client.with(old.headers).get('/agents')).status).toBe(200);
  expect((await before.client.with(fresh.headers).get('/agents')).status).toBe(200);
  expect(await kids(after.client)).toHaveLength(2);
});
