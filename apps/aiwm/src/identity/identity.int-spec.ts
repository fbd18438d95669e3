import { aiwmStack, INSTRUCTION, type Client, type Stack } from '../app-specs/aiwm-stack.fixture';

let stack: Stack;
let anonymous: Client;
let admin: Client;

beforeAll(async () => {
  stack = await aiwmStack();
  ({ client: anonymous } = await stack.boot());
  admin = await anonymous.login();
});
afterAll(() => stack.close());

test('login, profile, refresh, reuse within the grace, logout', async () => {
  const login = await anonymous.post('/auth/login', { email: 'ADMIN@localhost', password: 'correct horse battery' });
  expect(login.status).toBe(200);
  expect(login.body).toEqual({
    accessToken: expect.any(String),
    expiresIn: 3600,
    refreshToken: expect.any(String),
    refreshExpiresIn: 604_800,
    tokenType: 'bearer',
  });
  expect(login.headers.get('cache-control')).toBe('no-store');
  const profile = await admin.get('/auth/profile');
  expect(profile.body).toMatchObject({ username: 'admin@localhost', roles: ['universe.owner'], orgId: '000000000000000000000001' });
  const refreshed = await anonymous.post('/auth/refresh-token', { refreshToken: login.body['refreshToken'] });
  expect([refreshed.status, refreshed.body['refreshToken'] !== login.body['refreshToken']]).toEqual([200, true]);
  expect((await anonymous.post('/auth/refresh-token', { refreshToken: login.body['refreshToken'] })).status).toBe(200);
  expect((await anonymous.post('/auth/refresh-token', { refreshToken: 'unknown' })).status).toBe(401);
  expect((await admin.post('/auth/logout')).body).toEqual({ success: true });
  expect((await anonymous.post('/auth/refresh-token', { refreshToken: refreshed.body['refreshToken'] })).status).toBe(401);
});

test('wrong password and unknown user get the same 401; ten failures are 429 for that name and address only', async () => {
  const wrong = await anonymous.post('/auth/login', { username: 'nobody@localhost', password: 'x' });
  const known = await anonymous.post('/auth/login', { username: 'admin@localhost', password: 'x' });
  expect([wrong.status, wrong.body['code'], wrong.body['message']]).toEqual([401, 'INVALID_CREDENTIALS', known.body['message']]);
  for (let i = 0; i < 9; i++) await anonymous.post('/auth/login', { username: 'nobody@localhost', password: 'x' });
  const limited = await anonymous.post('/auth/login', { username: 'nobody@localhost', password: 'x' });
  expect([limited.status, limited.body['code']]).toEqual([429, 'RATE_LIMITED']);
  expect(Number(limited.headers.get('retry-after'))).toBeGreaterThan(0);
  await anonymous.login();
});

test('the JWKS verifies what was signed', async () => {
  const { keys } = (await anonymous.get('/.well-known/jwks.json')).body as { keys: { kid: string; alg: string }[] };
  const token = String(admin.headers['Authorization']).split(' ')[1] ?? '';
  const header: { kid: string; alg: string } = JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString());
  expect(keys.map(({ kid }) => kid)).toContain(header.kid);
  expect(header.alg).toBe('ES256');
});

test('organizations: created, listed, unique, deleted when empty', async () => {
  const id = await admin.create('/organizations', { name: 'acme' });
  expect((await admin.post('/organizations', { name: 'acme' })).body).toMatchObject({ statusCode: 409, code: 'CONFLICT' });
  expect((await admin.post('/organizations', { name: 'no spaces' })).status).toBe(400);
  const acting = admin.with({ ...admin.headers, 'X-Organization-Id': id });
  await acting.create('/instructions', INSTRUCTION);
  expect((await admin.delete(`/organizations/${id}`)).status).toBe(409);
  expect((await acting.get('/organizations')).body.data).toEqual([expect.objectContaining({ _id: id, name: 'acme' })]);
  const empty = await admin.create('/organizations', { name: 'empty' });
  expect((await admin.delete(`/organizations/${empty}`)).status).toBe(200);
  expect((await admin.get(`/organizations/${empty}`)).status).toBe(404);
});

test('a time on a day that the calendar does not have is refused wherever a time is read', async () => {
  const refused = await admin.post('/api-keys', { name: 'x', scopes: ['agents:read'], expiresAt: '2099-02-30T00:00:00Z' });
  expect([refused.status, refused.body.errors]).toEqual([400, [expect.stringMatching(/^expiresAt must be a time in the future/)]]);
  const id = await admin.create('/api-keys', { name: 'x', scopes: ['agents:read'], expiresAt: '2099-02-28T00:00:00Z' });
  expect((await admin.patch(`/api-keys/${id}`, { expiresAt: '2099-04-31T00:00:00Z' })).status).toBe(400);
  for (const time of ['2099-02-30', '2099-02-30T00:00:00Z']) {
    expect((await admin.get(`/audit-log?from=${time}`)).body.errors).toEqual([expect.stringMatching(/^from /)]);
    expect((await admin.get(`/audit-log?to=${time}`)).status).toBe(400);
  }
  expect((await admin.get('/audit-log?from=2020-02-29&to=2099-02-28T23:59:59Z')).status).toBe(200);
});

test('API keys: shown once, scoped, rotated with an overlap, revoked', async () => {
  const created = await admin.post('/api-keys', { name: 'ci', scopes: ['agents:read'] });
  expect(created.status).toBe(201);
  expect(created.body).toEqual({
    _id: expect.stringMatching(/^[0-9a-f]{24}$/),
    name: 'ci',
    key: expect.stringMatching(/^afk_[A-Za-z0-9_-]{43}$/),
    prefix: expect.stringMatching(/^afk_.{8}$/),
    scopes: ['agents:read'],
    limits: {},
    expiresAt: null,
    createdAt: expect.any(String),
  });
  const id = String(created.body['_id']);
  const reader = anonymous.with({ 'X-API-Key': String(created.body['key']) });
  expect((await reader.get('/agents')).status).toBe(200);
  expect((await reader.post('/agents', { name: 'x' })).status).toBe(403);
  expect((await reader.get('/api-keys')).status).toBe(403);
  const listed = JSON.stringify((await admin.get('/api-keys')).body);
  expect(listed).not.toContain(String(created.body['key']));
  expect(listed).not.toContain('hash');
  const rotated = await admin.post(`/api-keys/${id}/rotate`, { overlapSeconds: 60 });
  expect(rotated.body['previousValidUntil']).toEqual(expect.any(String));
  expect((await reader.get('/agents')).status).toBe(200);
  const renewed = anonymous.with({ Authorization: `Bearer ${String(rotated.body['key'])}` });
  expect((await renewed.get('/agents')).status).toBe(200);
  expect((await admin.delete(`/api-keys/${id}`)).status).toBe(200);
  expect((await renewed.get('/agents')).status).toBe(401);
  expect((await reader.get('/agents')).status).toBe(401);
  expect((await admin.post('/api-keys', { name: 'x', scopes: ['everything'] })).body.errors).toEqual([expect.stringMatching(/^scopes /)]);
});
