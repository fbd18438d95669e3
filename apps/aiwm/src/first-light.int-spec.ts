import { waitFor } from '@agentfleet/testing';
import type { RunningApp } from '@agentfleet/platform';
import { aiwmStack, INSTRUCTION, NODE, TOOL, type Client, type Stack } from './testing-client.fixture';

let stack: Stack;
let anonymous: Client;
let admin: Client;
let running: RunningApp;

beforeAll(async () => {
  stack = await aiwmStack();
  ({ client: anonymous, running } = await stack.boot());
  admin = await anonymous.login();
});
afterAll(() => stack.close());

async function newAgent(more: object = {}): Promise<{ id: string; secret: string }> {
  const id = await admin.create('/agents', { name: 'My Agent', ...more });
  const regenerated = await admin.post(`/agents/${id}/credentials/regenerate`, {});
  expect(regenerated.status).toBe(200);
  return { id, secret: String(regenerated.body['secret']) };
}

async function connected(id: string, secret: string): Promise<Client> {
  const answer = await anonymous.post(`/agents/${id}/connect`, { secret });
  expect(answer.status).toBe(200);
  return anonymous.with({ Authorization: `Bearer ${String(answer.body['token'])}` });
}

describe('identity', () => {
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
});

describe('resources', () => {
  test('instruction, tool, node and agent are created, read, changed, deleted; what is in use stays', async () => {
    const instructionId = await admin.create('/instructions', INSTRUCTION);
    const toolId = await admin.create('/tools', TOOL);
    const nodeId = await admin.create('/nodes', NODE);
    const agent = await admin.post('/agents', { name: 'A', instructionId, nodeId, allowedToolIds: [toolId, toolId], tags: ['x'] });
    expect(agent.status).toBe(201);
    expect(agent.body).toMatchObject({
      instructionId,
      nodeId,
      allowedToolIds: [toolId],
      status: 'active',
      type: 'autonomous',
      connectionStatus: 'never_connected',
      connectionCount: 0,
      configRevision: 1,
      metrics: null,
      owner: { orgId: '000000000000000000000001' },
      credentials: { issuedAt: null, lastUsedAt: null, previousExpiresAt: null, previousLastUsedAt: null },
    });
    const id = String(agent.body['_id']);
    for (const path of [`/instructions/${instructionId}`, `/tools/${toolId}`, `/nodes/${nodeId}`]) {
      expect((await admin.delete(path)).body).toMatchObject({ statusCode: 409, code: 'IN_USE' });
    }
    expect((await admin.patch(`/instructions/${instructionId}`, { status: 'inactive' })).status).toBe(409);
    expect((await admin.patch(`/instructions/${instructionId}`, { systemPrompt: 'Something else entirely' })).status).toBe(200);
    expect((await admin.get(`/agents/${id}`)).body['configRevision']).toBe(2);
    expect((await admin.patch(`/tools/${toolId}`, { status: 'inactive' })).status).toBe(200);
    expect((await admin.get(`/agents/${id}`)).body['configRevision']).toBe(3);
    expect((await admin.get(`/agents/${id}?populate=instruction`)).body['instructionId']).toMatchObject({ _id: instructionId });
    expect((await admin.delete(`/agents/${id}`)).body).toMatchObject({ _id: id, deletedAt: expect.any(String) });
    for (const [method, body] of [['GET', undefined], ['PATCH', { name: 'x' }], ['DELETE', undefined]] as const) {
      expect((await admin.ask(method, `/agents/${id}`, body)).status).toBe(404);
    }
    expect((await admin.delete(`/instructions/${instructionId}`)).status).toBe(200);
  });

  test('lists: paging, filters taken literally, sort, statistics', async () => {
    for (let i = 0; i < 12; i++) await admin.create('/nodes', { name: `list.*${i}`, role: ['proxy'], status: i % 2 ? 'online' : 'offline' });
    const page = await admin.get('/nodes?filter[name]=LIST.*&limit=5&page=3&sort[name]=1');
    expect(page.body['pagination']).toEqual({ page: 3, limit: 5, total: 12, totalPages: 3 });
    expect(page.body.data).toHaveLength(2);
    expect(page.body['statistics']).toEqual({ total: 12, byStatus: { online: 6, offline: 6 } });
    expect((await admin.get('/nodes?filter[name]=list.%2B')).body['pagination']).toMatchObject({ total: 0 });
    expect((await admin.get('/nodes?status=online&filter[role]=proxy')).body['pagination']).toMatchObject({ total: 6 });
    for (const query of ['page=0', 'limit=-1', 'limit=1.5', 'page=x', 'filter[isDeleted]=true', 'filter[name][$ne]=x', 'filter[$or]=x', 'sort[secret]=1', 'sort[name]=2', 'filter[name]=a&filter[name]=b']) {
      expect([query, (await admin.get(`/nodes?${query}`)).status]).toEqual([query, 400]);
    }
    expect((await admin.get('/nodes?limit=5000')).body['pagination']).toMatchObject({ limit: 1000 });
  });

  test('validation names every refused field and stores nothing', async () => {
    const before = (await admin.get('/instructions')).body['pagination'];
    const refused = await admin.post('/instructions', { name: 5, systemPrompt: 'short', guidelines: 'x', status: 'gone' });
    expect(refused.status).toBe(400);
    expect(refused.body).toMatchObject({ statusCode: 400, code: 'VALIDATION_FAILED', message: 'Validation failed', path: '/instructions' });
    expect(refused.body.errors).toContain('systemPrompt must be at least 10 characters');
    expect(refused.body.errors?.map((text) => text.split(' ')[0]).sort()).toEqual(['guidelines', 'name', 'status', 'systemPrompt']);
    for (const body of [{ ...INSTRUCTION, name: null }, { ...INSTRUCTION, name: 'a\nb' }, { ...INSTRUCTION, tags: [1] }, { ...NODE }]) {
      expect((await admin.post('/instructions', body)).status).toBe(400);
    }
    expect((await admin.post('/nodes', { ...NODE, isLocal: 'yes' })).status).toBe(400);
    expect((await admin.post('/nodes', { ...NODE, vpnIp: 'x' })).status).toBe(400);
    expect((await admin.post('/tools', { ...TOOL, type: 'mcp' })).body.errors?.map((text) => text.split(' ')[0])).toEqual(
      expect.arrayContaining(['transport', 'endpoint', 'dockerImage', 'port']),
    );
    expect((await admin.post('/tools', { ...TOOL, schema: { inputSchema: {} } })).status).toBe(400);
    expect((await admin.get('/instructions')).body['pagination']).toEqual(before);
  });

  test('server fields never take effect; strings round-trip exactly', async () => {
    const name = '  \u202eemoji 😀 e\u0301 ';
    const created = await admin.post('/agents', { name, orgId: 'f'.repeat(24), _id: 'f'.repeat(24), configRevision: 9, connectionCount: 9, createdBy: 'x' });
    expect(created.body).toMatchObject({ name, configRevision: 1, connectionCount: 0, owner: { orgId: '000000000000000000000001' } });
    expect(created.body['_id']).not.toBe('f'.repeat(24));
  });

  test('settings: any keys, redacted in reads, "[redacted]" keeps what is stored', async () => {
    const settings = { $where: 1, 'a.b': { c: [1, 'x'] }, resume: false, discord: { token: 't-1', channelIds: ['1'] }, apiKey: ['k1', 'k2'] };
    const id = await admin.create('/agents', { name: 'S', settings });
    const read = (await admin.get(`/agents/${id}`)).body['settings'];
    expect(read).toEqual({ ...settings, discord: { token: '[redacted]', channelIds: ['1'] }, apiKey: ['[redacted]', '[redacted]'] });
    expect((await admin.patch(`/agents/${id}`, { settings: { ...(read as object), resume: true } })).status).toBe(200);
    const regenerated = await admin.post(`/agents/${id}/credentials/regenerate`);
    const answer = await anonymous.post(`/agents/${id}/connect`, { secret: regenerated.body['secret'] });
    expect(answer.body['settings']).toEqual({ ...settings, resume: true });
    expect((await admin.patch(`/agents/${id}`, { settings: { other: { token: '[redacted]' } } })).status).toBe(400);
  });

  test('references are checked against the organization', async () => {
    const orgId = await admin.create('/organizations', { name: `other-${Date.now()}` });
    const other = admin.with({ ...admin.headers, 'X-Organization-Id': orgId });
    const foreign = await other.create('/instructions', INSTRUCTION);
    const refused = await admin.post('/agents', { name: 'A', instructionId: foreign });
    expect(refused.body.errors).toEqual(['instructionId: not found in this organization']);
    expect((await other.get('/instructions')).body['pagination']).toMatchObject({ total: 1 });
    const own = await admin.create('/instructions', INSTRUCTION);
    for (const [method, body] of [['GET', undefined], ['PATCH', { name: 'x' }], ['DELETE', undefined]] as const) {
      expect((await other.ask(method, `/instructions/${own}`, body)).body).toMatchObject({ statusCode: 404, code: 'NOT_FOUND' });
    }
    expect((await admin.get('/instructions/nope')).body).toMatchObject({ statusCode: 400, code: 'INVALID_ID' });
  });
});

describe('connection', () => {
  test('connect hands out token, instruction, tools and settings, and nothing else', async () => {
    const instructionId = await admin.create('/instructions', INSTRUCTION);
    const toolId = await admin.create('/tools', TOOL);
    const mcpId = await admin.create('/tools', { ...TOOL, name: 'mcp', type: 'mcp', transport: 'http', endpoint: 'https://mcp.example.org/x', dockerImage: 'x', port: 3100 });
    const { id, secret } = await newAgent({ instructionId, allowedToolIds: [mcpId, toolId], settings: { maxTurns: 5 } });
    const answer = await anonymous.post(`/agents/${id}/connect`, { secret });
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      token: expect.any(String),
      accessToken: answer.body['token'],
      expiresIn: 86_400,
      tokenType: 'bearer',
      refreshToken: null,
      refreshExpiresIn: 0,
      instruction: 'You are a helpful AI assistant.\n\n## Guidelines\n1. Be polite\n2. Be accurate',
      tools: [
        expect.objectContaining({ _id: mcpId }),
        { _id: toolId, name: 'read-file', type: 'builtin', description: 'Read files', category: 'productivity', status: 'active', schema: TOOL.schema },
      ],
      agent: { id, name: 'My Agent', orgId: '000000000000000000000001' },
      settings: { maxTurns: 5 },
      mcpServers: { mcp: { type: 'http', url: 'https://mcp.example.org/x' } },
    });
    expect([answer.headers.get('x-config-revision'), answer.headers.get('x-heartbeat-interval'), answer.headers.get('cache-control')]).toEqual(['1', '60', 'no-store']);
    const claims: Record<string, unknown> = JSON.parse(Buffer.from(String(answer.body['token']).split('.')[1] ?? '', 'base64url').toString());
    expect(claims).toMatchObject({ iss: 'aiwm', aud: 'agent', type: 'agent', sub: id, agentId: id, username: `agent:${id}`, roles: ['agent'], userId: '', groupId: '', tokenVersion: expect.any(Number), configRevision: 1 });
    expect(Number(claims['exp']) - Number(claims['iat'])).toBe(86_400);
  });

  test('heartbeats show in the next read; presence follows; disconnect says why', async () => {
    const { id, secret } = await newAgent();
    const agent = await connected(id, secret);
    expect((await admin.get(`/agents/${id}`)).body).toMatchObject({ connectionStatus: 'online', connectionCount: 1, presence: { reason: 'connected' } });
    const metrics = { cpu: 1.5, 'a.b': { $x: null } };
    expect((await agent.post(`/agents/${id}/heartbeat`, { status: 'busy', metrics })).body).toEqual({ success: true });
    const read = (await admin.get(`/agents/${id}`)).body;
    expect(read).toMatchObject({ connectionStatus: 'busy', metrics, presence: { status: 'busy', reason: 'heartbeat', detail: null } });
    expect((await agent.post(`/agents/${id}/disconnect`, { reason: 'shutdown' })).body).toEqual({ success: true });
    expect((await admin.get(`/agents/${id}`)).body).toMatchObject({ connectionStatus: 'offline', presence: { reason: 'disconnected', detail: 'shutdown', nextExpectedAt: null } });
    await agent.post(`/agents/${id}/heartbeat`, { status: 'idle' });
    expect((await admin.get(`/agents/${id}`)).body).toMatchObject({ connectionStatus: 'idle', metrics });
    expect((await admin.get('/agents?filter[connectionStatus]=idle')).body).toMatchObject({ statistics: { byConnectionStatus: { idle: 1 } } });
  });

  test('a heartbeat tells of a new revision; config answers 304 and is redacted for users', async () => {
    const { id, secret } = await newAgent({ settings: { token: 'plain', x: 1 } });
    const agent = await connected(id, secret);
    await admin.patch(`/agents/${id}`, { settings: { token: '[redacted]', x: 2 } });
    expect((await agent.post(`/agents/${id}/heartbeat`, { status: 'online' })).body).toEqual({ success: true, configRevision: 2 });
    expect((await agent.post(`/agents/${id}/heartbeat`, { status: 'online', configRevision: 2 })).body).toEqual({ success: true });
    const config = await agent.get(`/agents/${id}/config`);
    expect([config.headers.get('etag'), config.body['settings'], config.body['configRevision']]).toEqual(['"r2"', { token: 'plain', x: 2 }, 2]);
    const known = await agent.ask('GET', `/agents/${id}/config`, undefined, { 'If-None-Match': '"r2"' });
    expect([known.status, known.body]).toEqual([304, {}]);
    const redacted = await admin.get(`/agents/${id}/config`);
    expect([redacted.headers.get('etag'), redacted.body['settings']]).toEqual(['"r2-redacted"', { token: '[redacted]', x: 2 }]);
  });

  test('refusals leave no trace, in the order of the contract', async () => {
    const { id, secret } = await newAgent();
    for (const body of [{}, { secret: '' }, { secret: 5 }, { secret: null }, { secret: { $ne: 1 } }, { secret: 'x'.repeat(1025) }]) {
      expect((await anonymous.post(`/agents/${id}/connect`, body)).status).toBe(400);
    }
    expect((await anonymous.post(`/agents/${id}/connect`, { secret: 'wrong' })).body).toMatchObject({ statusCode: 401, code: 'INVALID_CREDENTIALS' });
    expect((await anonymous.post(`/agents/${id}/connect`, { secret: `${secret}xxxxxxxxx` })).status).toBe(401);
    expect((await anonymous.post(`/agents/${'f'.repeat(24)}/connect`, { secret })).status).toBe(404);
    expect((await anonymous.post('/agents/nope/connect', { secret })).body).toMatchObject({ statusCode: 400, code: 'INVALID_ID' });
    expect((await admin.get(`/agents/${id}`)).body).toMatchObject({ connectionCount: 0, connectionStatus: 'never_connected' });
    const agent = await connected(id, secret);
    expect((await anonymous.post(`/agents/${id}/heartbeat`, { status: 'online' })).status).toBe(401);
    expect((await admin.post(`/agents/${id}/heartbeat`, { status: 'online' })).status).toBe(403);
    const other = await newAgent();
    expect((await agent.post(`/agents/${other.id}/heartbeat`, { status: 'online' })).body).toMatchObject({ statusCode: 403, code: 'TOKEN_NOT_FOR_THIS_AGENT' });
    for (const body of [{}, { status: 'ONLINE' }, { status: 'offline' }, { status: ['online'] }, { status: 'online', metrics: [] }]) {
      expect((await agent.post(`/agents/${id}/heartbeat`, body)).status).toBe(400);
    }
    expect((await agent.get('/agents')).status).toBe(403);
    await admin.patch(`/agents/${id}`, { status: 'suspended' });
    expect((await agent.post(`/agents/${id}/heartbeat`, { status: 'online' })).body).toMatchObject({ statusCode: 401, code: 'TOKEN_REVOKED' });
    expect((await anonymous.post(`/agents/${id}/connect`, { secret })).body).toMatchObject({ statusCode: 401, code: 'AGENT_SUSPENDED' });
    await admin.patch(`/agents/${id}`, { status: 'active' });
    expect((await agent.post(`/agents/${id}/heartbeat`, { status: 'online' })).status).toBe(401);
    const again = await connected(id, secret);
    await admin.delete(`/agents/${id}`);
    expect((await again.post(`/agents/${id}/heartbeat`, { status: 'online' })).status).toBe(404);
  });

  test('100 simultaneous connects are counted 100; ten failures limit that agent only', async () => {
    const { id, secret } = await newAgent();
    const answers = await Promise.all(Array.from({ length: 100 }, () => anonymous.post(`/agents/${id}/connect`, { secret })));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(100);
    expect((await admin.get(`/agents/${id}`)).body['connectionCount']).toBe(100);
    for (let i = 0; i < 10; i++) await anonymous.post(`/agents/${id}/connect`, { secret: `wrong-${i}` });
    const limited = await anonymous.post(`/agents/${id}/connect`, { secret });
    expect([limited.status, limited.body['code']]).toEqual([429, 'RATE_LIMITED']);
    const other = await newAgent();
    await connected(other.id, other.secret);
  });

  test('rotation: at once without, later with an overlap; envConfig and script are safe', async () => {
    const { id, secret } = await newAgent({ name: `it's "$(touch /nowhere)" \`x\`` });
    const agent = await connected(id, secret);
    const overlapped = await admin.post(`/agents/${id}/credentials/regenerate`, { overlapSeconds: 60 });
    expect(Object.keys(overlapped.body).sort()).toEqual(['agentId', 'envConfig', 'installScript', 'previousSecretExpiresAt', 'secret']);
    expect((await agent.post(`/agents/${id}/heartbeat`, { status: 'online' })).status).toBe(200);
    const old = await anonymous.post(`/agents/${id}/connect`, { secret });
    expect([old.status, Number(old.body['expiresIn']) <= 60]).toEqual([200, true]);
    expect((await admin.get(`/agents/${id}`)).body['credentials']).toMatchObject({ previousLastUsedAt: expect.any(String), previousExpiresAt: expect.any(String) });
    expect((await admin.delete(`/agents/${id}/credentials/previous`)).status).toBe(200);
    expect((await anonymous.post(`/agents/${id}/connect`, { secret })).status).toBe(401);
    expect((await agent.post(`/agents/${id}/heartbeat`, { status: 'online' })).status).toBe(401);
    const last = await admin.post(`/agents/${id}/credentials/regenerate`);
    expect(Object.keys(last.body).sort()).toEqual(['agentId', 'envConfig', 'installScript', 'secret']);
    expect((await anonymous.post(`/agents/${id}/connect`, { secret: overlapped.body['secret'] })).status).toBe(401);
    expect(last.body['secret']).toMatch(/^[0-9a-f]{64}$/);
    expect(String(last.body['envConfig'])).toContain(`AIWM_AGENT_SECRET=${String(last.body['secret'])}\n`);
  });
});

describe('faults', () => {
  test('two replicas: a suspension, a rotation and a revoked key bite on the other within a second', async () => {
    const { client } = await stack.boot();
    await waitFor('the bus', () => running.services.bus.isUp);
    const { id, secret } = await newAgent();
    const agent = await connected(id, secret);
    const elsewhere = client.with(agent.headers);
    expect((await elsewhere.post(`/agents/${id}/heartbeat`, { status: 'online' })).status).toBe(200);
    await admin.patch(`/agents/${id}`, { status: 'suspended' });
    await waitFor('the refusal', async () => (await elsewhere.post(`/agents/${id}/heartbeat`, { status: 'online' })).status === 401, { timeoutMs: 1000 });
    const key = await admin.post('/api-keys', { name: 'k', scopes: ['agents:read'] });
    const reader = client.with({ 'X-API-Key': String(key.body['key']) });
    expect((await reader.get('/agents')).status).toBe(200);
    await admin.delete(`/api-keys/${String(key.body['_id'])}`);
    await waitFor('the refusal', async () => (await reader.get('/agents')).status === 401, { timeoutMs: 1000 });
  });

  test('a heartbeat is in the database within a second, and a fresh replica shows it', async () => {
    const { id, secret } = await newAgent();
    const agent = await connected(id, secret);
    await agent.post(`/agents/${id}/heartbeat`, { status: 'idle' });
    const { client } = await stack.boot();
    const other = client.with(admin.headers);
    await waitFor('the heartbeat elsewhere', async () => (await other.get(`/agents/${id}`)).body['connectionStatus'] === 'idle', { timeoutMs: 2000 });
  });

  test('a restart loses nothing and a generated secret needs no bcrypt again', async () => {
    const { id, secret } = await newAgent();
    await connected(id, secret);
    const { running: other, client } = await stack.boot();
    expect((await client.post(`/agents/${id}/connect`, { secret })).status).toBe(200);
    const metrics = await other.services.metrics.registry.metrics();
    expect(metrics).toContain('aiwm_secret_checks_total{how="remembered"} 1');
    expect((await admin.get(`/agents/${id}`)).body['connectionCount']).toBe(2);
  });

  test('every change has its audit record, without values', async () => {
    const id = await admin.create('/instructions', { ...INSTRUCTION, name: 'audited-name' });
    const record = await stack.database.db.collection('audit_log').findOne({ 'target.id': id });
    expect(record).toMatchObject({ action: 'instruction.create', actor: { kind: 'user' }, target: { type: 'instruction', name: 'audited-name' } });
    expect(JSON.stringify(record)).not.toContain(INSTRUCTION.systemPrompt);
  });
});
