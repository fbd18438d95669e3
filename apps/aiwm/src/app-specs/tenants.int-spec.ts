import { aiwmStack, INSTRUCTION, type Client, type Stack } from './aiwm-stack.fixture';

let stack: Stack;
let anonymous: Client;
let admin: Client;

beforeAll(async () => {
  stack = await aiwmStack();
  ({ client: anonymous } = await stack.boot());
  admin = await anonymous.login();
});
afterAll(() => stack.close());

const PASSWORD = 'a quiet long password';

async function loginAs(username: string, password = PASSWORD): Promise<Client> {
  const answer = await anonymous.post('/auth/login', { username, password });
  expect(answer.status).toBe(200);
  return anonymous.with({ Authorization: `Bearer ${String(answer.body['accessToken'])}` });
}

describe('users', () => {
  let orgId: string;
  let inOrg: Client;
  beforeAll(async () => {
    orgId = await admin.create('/organizations', { name: 'acme' });
    inOrg = admin.with({ ...admin.headers, 'X-Organization-Id': orgId });
  });

  test('created, read, listed, changed, deleted; unique over all organizations; never a password in an answer', async () => {
    const body = { username: 'Ann@Example.org', password: PASSWORD, roles: ['organization.owner'], fullname: 'Ann' };
    const made = await inOrg.post('/users', body);
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({ username: 'ann@example.org', roles: ['organization.owner'], status: 'active', owner: { orgId } });
    expect(JSON.stringify(made.body)).not.toMatch(/password|\$2b\$|tokenVersion/);
    expect((await admin.post('/users', { ...body, username: 'ANN@example.org' })).status).toBe(409);
    const list = await inOrg.get('/users?filter[username]=ann');
    expect(list.body.data?.map((user) => user['username'])).toEqual(['ann@example.org']);
    const ann = await loginAs('ann@example.org');
    const bob = await ann.create('/users', { username: 'bob@acme', password: PASSWORD, roles: ['organization.viewer'] });
    expect((await ann.get(`/users/${bob}`)).body['owner']).toEqual({ orgId });
    expect((await ann.patch(`/users/${bob}`, { fullname: 'Bob' })).body['fullname']).toBe('Bob');
    expect((await ann.patch(`/users/${bob}`, { username: 'ann@example.org' })).status).toBe(409);
    expect((await ann.delete(`/users/${bob}`)).status).toBe(200);
    expect((await ann.get(`/users/${bob}`)).status).toBe(404);
    expect((await anonymous.post('/auth/login', { username: 'bob@acme', password: PASSWORD })).status).toBe(401);
    await ann.create('/users', { username: 'bob@acme', password: PASSWORD, roles: ['organization.viewer'] });
  });

  test('every refused field is named', async () => {
    for (const [field, value] of [
      ['username', 'no-address'],
      ['username', 5],
      ['password', 'short'],
      ['password', 'password123'],
      ['password', 'x'.repeat(73)],
      ['password', 'carl@example.org'],
      ['roles', []],
      ['roles', ['agents:read']],
      ['status', 'deleted'],
    ] as const) {
      const body = { username: 'carl@example.org', password: PASSWORD, roles: ['organization.viewer'], [field]: value };
      const answer = await inOrg.post('/users', body);
      expect([field, value, answer.status, answer.body.errors?.[0]?.split(' ')[0]]).toEqual([field, value, 400, field]);
    }
  });

  test('suspension and a new password end tokens; a demoted editor loses the right at once', async () => {
    const id = await inOrg.create('/users', { username: 'ed@acme', password: PASSWORD, roles: ['organization.editor'] });
    const ed = await loginAs('ed@acme');
    const login = await anonymous.post('/auth/login', { username: 'ed@acme', password: PASSWORD });
    expect((await ed.post('/instructions', INSTRUCTION)).status).toBe(201);
    await inOrg.patch(`/users/${id}`, { roles: ['organization.viewer'] });
    expect((await ed.post('/instructions', INSTRUCTION)).status).toBe(403);
    expect((await ed.get('/users')).status).toBe(403);
    await inOrg.patch(`/users/${id}`, { password: 'another long password' });
    expect((await ed.get('/agents')).body['code']).toBe('TOKEN_REVOKED');
    expect((await anonymous.post('/auth/refresh-token', { refreshToken: login.body['refreshToken'] })).status).toBe(401);
    const again = await loginAs('ed@acme', 'another long password');
    await inOrg.patch(`/users/${id}`, { status: 'suspended' });
    expect((await again.get('/agents')).status).toBe(401);
    await inOrg.patch(`/users/${id}`, { status: 'active' });
    expect((await again.get('/agents')).status).toBe(401);
  });

  test('only a universe.owner makes one or touches one; the last owners stay', async () => {
    const ann = await loginAs('ann@example.org');
    const root = (await admin.get('/auth/profile')).body['_id'];
    const annId = (await ann.get('/auth/profile')).body['_id'];
    expect((await ann.post('/users', { username: 'up@acme', password: PASSWORD, roles: ['universe.owner'] })).status).toBe(403);
    expect((await ann.patch(`/users/${annId}`, { roles: ['universe.owner'] })).status).toBe(403);
    expect((await ann.get(`/users/${root}`)).status).toBe(404);
    const aide = await admin.create('/users', { username: 'aide@localhost', password: PASSWORD, roles: ['organization.owner'] });
    expect((await (await loginAs('aide@localhost')).patch(`/users/${root}`, { password: PASSWORD })).status).toBe(403);
    for (const change of [{ roles: ['organization.owner'] }, { status: 'suspended' }]) {
      expect((await admin.patch(`/users/${root}`, change)).status).toBe(409);
    }
    expect((await admin.delete(`/users/${root}`)).status).toBe(409);
    for (const change of [{ roles: ['organization.viewer'] }, { status: 'suspended' }]) {
      expect((await admin.patch(`/users/${annId}`, change)).status).toBe(409);
    }
    expect((await admin.delete(`/users/${annId}`)).status).toBe(409);
    expect((await admin.delete(`/users/${aide}`)).status).toBe(200);
  });

  test('two owners who remove each other at the same moment: one stays', async () => {
    const id = await admin.create('/organizations', { name: 'duel' });
    const there = admin.with({ ...admin.headers, 'X-Organization-Id': id });
    const users = await Promise.all(['a@duel', 'b@duel'].map((username) => there.create('/users', { username, password: PASSWORD, roles: ['organization.owner'] })));
    const answers = await Promise.all(users.map((user) => there.delete(`/users/${user}`)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
  });
});

describe('audit log', () => {
  test('is read by filters and range, by owners only, names fields and no values', async () => {
    const id = await admin.create('/instructions', { ...INSTRUCTION, name: 'Audited' });
    const answer = await admin.with({ ...admin.headers, 'X-Correlation-Id': 'audit-1' }).patch(`/instructions/${id}`, { name: 'Renamed by audit' });
    expect(answer.status).toBe(200);
    const found = await admin.get(`/audit-log?filter[targetId]=${id}&filter[action]=instruction.update`);
    expect(found.body['statistics']).toEqual({ total: 1 });
    const [record] = found.body.data ?? [];
    expect(record).toMatchObject({
      actor: { kind: 'user', name: 'admin@localhost' },
      action: 'instruction.update',
      target: { type: 'instruction', id, name: 'Renamed by audit' },
      fields: ['name'],
      correlationId: 'audit-1',
    });
    expect((await admin.get(`/audit-log?filter[targetId]=${id}`)).body.data?.map((item) => item['action'])).toEqual(['instruction.update', 'instruction.create']);
    const at = String(record?.['at']);
    expect((await admin.get(`/audit-log?filter[targetId]=${id}&from=${at}`)).body.data).toHaveLength(1);
    expect((await admin.get(`/audit-log?filter[targetId]=${id}&to=2020-01-01T00:00:00Z`)).body.data).toEqual([]);
    for (const bad of ['from=yesterday', 'filter[orgId]=x', 'filter[action][$ne]=x', 'page=0']) {
      expect([bad, (await admin.get(`/audit-log?${bad}`)).status]).toEqual([bad, 400]);
    }
    for (const method of ['POST', 'PUT', 'DELETE']) expect((await admin.ask(method, '/audit-log', {})).status).toBe(404);
    const key = await admin.post('/api-keys', { name: 'k', scopes: ['agents:read'] });
    expect((await anonymous.with({ 'X-API-Key': String(key.body['key']) }).get('/audit-log')).status).toBe(403);
  });
});

describe('Idempotency-Key', () => {
  const keyed = (key: string) => admin.with({ ...admin.headers, 'Idempotency-Key': key });

  test('the same key and body get the first answer again, another body 422; a refused request leaves the key free', async () => {
    expect((await keyed('one').post('/instructions', { name: '' })).status).toBe(400);
    const first = await keyed('one').post('/instructions', { ...INSTRUCTION, name: 'Once' });
    const second = await keyed('one').post('/instructions', { ...INSTRUCTION, name: 'Once' });
    expect([first.status, first.headers.get('idempotency-replayed')]).toEqual([201, null]);
    expect([second.status, second.headers.get('idempotency-replayed'), second.body]).toEqual([201, 'true', first.body]);
    expect((await admin.get('/instructions?filter[name]=Once')).body['statistics']).toMatchObject({ total: 1 });
    const other = await keyed('one').post('/instructions', { ...INSTRUCTION, name: 'Other' });
    expect([other.status, other.body['code']]).toEqual([422, 'IDEMPOTENCY_MISMATCH']);
    expect((await keyed('é').post('/instructions', INSTRUCTION)).status).toBe(400);
    expect((await keyed('x'.repeat(256)).post('/instructions', INSTRUCTION)).status).toBe(400);
  });

  test('five at the same moment act once', async () => {
    const answers = await Promise.all(Array.from({ length: 5 }, () => keyed('burst').post('/nodes', { name: 'Burst', role: ['worker'] })));
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201, 201]);
    expect(new Set(answers.map(({ body }) => body['_id'])).size).toBe(1);
    expect((await admin.get('/nodes?filter[name]=Burst')).body['statistics']).toMatchObject({ total: 1 });
  });

  test('regenerate replays the same secret, kept encrypted and for ten minutes', async () => {
    const id = await admin.create('/agents', { name: 'Keyed' });
    const path = `/agents/${id}/credentials/regenerate`;
    const first = await keyed('rotate').post(path, {});
    const second = await keyed('rotate').post(path, {});
    const secret = String(first.body['secret']);
    expect([second.status, second.body, second.headers.get('cache-control')]).toEqual([200, first.body, 'no-store']);
    expect((await anonymous.post(`/agents/${id}/connect`, { secret })).status).toBe(200);
    const key = await keyed('key').post('/api-keys', { name: 'k', scopes: ['agents:read'] });
    expect((await keyed('key').post('/api-keys', { name: 'k', scopes: ['agents:read'] })).body).toEqual(key.body);
    const kept = await stack.database.db.collection('idempotency_keys').find({}).toArray();
    const text = JSON.stringify(kept);
    expect(text).not.toContain(secret);
    expect(text).not.toContain(String(key.body['key']));
    const soon = kept.filter((record) => 'answer' in record && record['expiresAt'].getTime() < Date.now() + 600_001);
    expect(soon).toHaveLength(2);
  });
});
