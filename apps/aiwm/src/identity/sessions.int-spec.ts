import { createHash } from 'node:crypto';
import { aiwmStack, ADMIN, type Client, type Stack } from '../app-specs/aiwm-stack.fixture';

let stack: Stack;
let anonymous: Client;
beforeAll(async () => {
  stack = await aiwmStack();
  ({ client: anonymous } = await stack.boot());
});
afterAll(() => stack.close());

const ROUNDS = 10;

/** One login serves all rounds: each begins with the child of a family of its own. */
async function newSession(): Promise<{ user: Client; refreshToken: string }> {
  const { accessToken, refreshToken } = (await anonymous.post('/auth/login', ADMIN)).body;
  return { user: anonymous.with({ Authorization: `Bearer ${String(accessToken)}` }), refreshToken: String(refreshToken) };
}
const refresh = (refreshToken: unknown) => anonymous.post('/auth/refresh-token', { refreshToken });

test.each([['one session', true], ['all sessions', false]])('a logout of %s ends what a refresh at the same time made', async (_of, named) => {
  for (let round = 0; round < ROUNDS; round++) {
    const { user, refreshToken } = await newSession();
    const child = (await refresh(refreshToken)).body['refreshToken'];
    const [refreshed, again, logout] = await Promise.all([refresh(child), refresh(child), user.post('/auth/logout', named ? { refreshToken: child } : {})]);
    expect(logout.status).toBe(200);
    for (const answer of [refreshed, again]) {
      expect([200, 401]).toContain(answer.status);
      if (answer.status === 200) expect((await refresh(answer.body['refreshToken'])).status).toBe(401);
    }
    expect((await refresh(child)).status).toBe(401);
  }
}, 120_000);

test('a reuse ends what a refresh at the same time made', async () => {
  const tokens = stack.database.db.collection('refresh_tokens');
  for (let round = 0; round < ROUNDS; round++) {
    const { refreshToken: first } = await newSession();
    const child = (await refresh(first)).body['refreshToken'];
    await tokens.updateMany({ usedAt: { $ne: null } }, { $set: { usedAt: new Date(Date.now() - 20_000) } });
    const [refreshed, reused] = await Promise.all([refresh(child), refresh(first)]);
    expect([reused.status, reused.body['code']]).toEqual([401, 'TOKEN_REVOKED']);
    expect((await refresh(refreshed.body['refreshToken'] ?? child)).status).toBe(401);
    expect((await refresh(child)).status).toBe(401);
  }
}, 120_000);

test("another user's refresh token ends nothing and is not spent", async () => {
  const { refreshToken } = await newSession();
  const { user: admin } = await newSession();
  await admin.create('/users', { username: 'other@localhost', password: 'a quiet long password', roles: ['organization.viewer'] });
  const { accessToken } = (await anonymous.post('/auth/login', { username: 'other@localhost', password: 'a quiet long password' })).body;
  const other = anonymous.with({ Authorization: `Bearer ${String(accessToken)}` });
  expect((await other.post('/auth/logout', { refreshToken })).status).toBe(200);
  const _id = createHash('sha256').update(refreshToken).digest('hex');
  const record = await stack.database.db.collection<{ _id: string }>('refresh_tokens').findOne({ _id });
  expect(record).toMatchObject({ usedAt: null, revokedAt: null });
  expect((await refresh(refreshToken)).status).toBe(200);
});
