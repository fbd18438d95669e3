import { aiwmStack, INSTRUCTION, NODE, TOOL, type Client, type Stack } from './aiwm-stack.fixture';

let stack: Stack;
let anonymous: Client;
let admin: Client;

beforeAll(async () => {
  stack = await aiwmStack();
  ({ client: anonymous } = await stack.boot());
  admin = await anonymous.login();
});
afterAll(() => stack.close());

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
