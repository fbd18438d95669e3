import { generateKeyPairSync } from 'node:crypto';
import { waitFor } from '@agentfleet/testing';
import { aiwmStack, type Client, type Stack } from '../testing-client.fixture';

const SECRET = 'a secret of its own';
const LIFE = { AGENT_TOKEN_TTL_SECONDS: '3', USER_TOKEN_TTL_SECONDS: '3' };

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
const kidOf = (token: unknown) => (JSON.parse(Buffer.from(String(token).split('.')[0] ?? '', 'base64url').toString()) as { kid: string }).kid;

test('an older signing key ends one token lifetime after the last replica that signs with it, not before', async () => {
  const old = await stack.boot(LIFE);
  const admin = await old.client.login();
  const id = await admin.create('/agents', { name: 'Signed', secret: SECRET });
  const connect = async (client: Client) => (await client.post(`/agents/${id}/connect`, { secret: SECRET })).body['token'];
  const oldKid = kidOf(await connect(old.client));
  const next = await stack.boot({ ...LIFE, JWT_PRIVATE_KEY: anotherKey() });
  const newKid = kidOf(await connect(next.client));
  expect(new Set(await kids(next.client))).toEqual(new Set([oldKid, newKid]));
  const startedAt = Date.now();
  // longer than a token's life: the old replica still signs, so its key is still good
  await waitFor('two lifetimes', async () => {
    const token = await connect(old.client);
    const beat = await next.client.with({ Authorization: `Bearer ${String(token)}` }).post(`/agents/${id}/heartbeat`, { status: 'online' });
    expect([beat.status, (await kids(next.client)).includes(oldKid)]).toEqual([200, true]);
    return Date.now() - startedAt > 7000;
  });
  const last = await connect(old.client);
  await old.running.close();
  expect((await next.client.with({ Authorization: `Bearer ${String(last)}` }).post(`/agents/${id}/heartbeat`, { status: 'online' })).status).toBe(200);
  await waitFor('the end of the old key', async () => !(await kids(next.client)).includes(oldKid), { timeoutMs: 9000 });
  expect(await kids(next.client)).toEqual([newKid]);
  const third = await stack.boot(LIFE); // a replica that never saw the old token verifies by what is stored
  expect(kidOf(await connect(third.client))).toBe(oldKid); // the key that it signs with is good again
}, 40_000);

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
