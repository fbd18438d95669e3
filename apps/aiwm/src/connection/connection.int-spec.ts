import { aiwmStack, connected, INSTRUCTION, newAgent, TOOL, type Client, type Stack } from '../app-specs/aiwm-stack.fixture';

let stack: Stack;
let anonymous: Client;
let admin: Client;

beforeAll(async () => {
  stack = await aiwmStack();
  ({ client: anonymous } = await stack.boot());
  admin = await anonymous.login();
});
afterAll(() => stack.close());

test('connect hands out token, instruction, tools and settings, and nothing else', async () => {
  const instructionId = await admin.create('/instructions', INSTRUCTION);
  const toolId = await admin.create('/tools', TOOL);
  const mcpId = await admin.create('/tools', { ...TOOL, name: 'mcp', type: 'mcp', transport: 'http', endpoint: 'https://mcp.example.org/x', dockerImage: 'x', port: 3100 });
  const { id, secret } = await newAgent(admin, { instructionId, allowedToolIds: [mcpId, toolId], settings: { maxTurns: 5 } });
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
  const { id, secret } = await newAgent(admin);
  const agent = await connected(anonymous, id, secret);
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
  const { id, secret } = await newAgent(admin, { settings: { token: 'plain', x: 1 } });
  const agent = await connected(anonymous, id, secret);
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
  const { id, secret } = await newAgent(admin);
  for (const body of [{}, { secret: '' }, { secret: 5 }, { secret: null }, { secret: { $ne: 1 } }, { secret: 'x'.repeat(1025) }]) {
    expect((await anonymous.post(`/agents/${id}/connect`, body)).status).toBe(400);
  }
  expect((await anonymous.post(`/agents/${id}/connect`, { secret: 'wrong' })).body).toMatchObject({ statusCode: 401, code: 'INVALID_CREDENTIALS' });
  expect((await anonymous.post(`/agents/${id}/connect`, { secret: `${secret}xxxxxxxxx` })).status).toBe(401);
  expect((await anonymous.post(`/agents/${'f'.repeat(24)}/connect`, { secret })).status).toBe(404);
  expect((await anonymous.post('/agents/nope/connect', { secret })).body).toMatchObject({ statusCode: 400, code: 'INVALID_ID' });
  expect((await admin.get(`/agents/${id}`)).body).toMatchObject({ connectionCount: 0, connectionStatus: 'never_connected' });
  const agent = await connected(anonymous, id, secret);
  expect((await anonymous.post(`/agents/${id}/heartbeat`, { status: 'online' })).status).toBe(401);
  expect((await admin.post(`/agents/${id}/heartbeat`, { status: 'online' })).status).toBe(403);
  const other = await newAgent(admin);
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
  const again = await connected(anonymous, id, secret);
  await admin.delete(`/agents/${id}`);
  expect((await again.post(`/agents/${id}/heartbeat`, { status: 'online' })).status).toBe(404);
});

test('100 simultaneous connects are counted 100; ten failures limit that agent only', async () => {
  const { id, secret } = await newAgent(admin);
  const answers = await Promise.all(Array.from({ length: 100 }, () => anonymous.post(`/agents/${id}/connect`, { secret })));
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(100);
  expect((await admin.get(`/agents/${id}`)).body['connectionCount']).toBe(100);
  for (let i = 0; i < 10; i++) await anonymous.post(`/agents/${id}/connect`, { secret: `wrong-${i}` });
  const limited = await anonymous.post(`/agents/${id}/connect`, { secret });
  expect([limited.status, limited.body['code']]).toEqual([429, 'RATE_LIMITED']);
  const other = await newAgent(admin);
  await connected(anonymous, other.id, other.secret);
});

test('rotation: at once without, later with an overlap; envConfig and script are safe', async () => {
  const { id, secret } = await newAgent(admin, { name: `it's "$(touch /nowhere)" \`x\`` });
  const agent = await connected(anonymous, id, secret);
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
