import { waitFor } from '@agentfleet/testing';
import type { RunningApp } from '@agentfleet/platform';
import { aiwmStack, Client, INSTRUCTION, TOOL, type Stack } from '../app-specs/aiwm-stack.fixture';
import { emitRaw, forwardedNotices } from './notices.fixture';
import { openStream } from './open-stream.fixture';

let stack: Stack;
let running: RunningApp;
let other: RunningApp;
let anonymous: Client;
let admin: Client;
beforeAll(async () => {
  stack = await aiwmStack();
  ({ client: anonymous, running } = await stack.boot());
  ({ running: other } = await stack.boot());
  admin = await anonymous.login();
  await waitFor('the bus', () => running.services.bus.isUp && other.services.bus.isUp);
});
afterAll(() => stack.close());

const listen = (url: string, { headers }: Client, query = '') => openStream(new Client(url, headers), query);

test('changes made at one replica reach the streams of another, of their organization and type only', async () => {
  const orgId = await admin.create('/organizations', { name: 'elsewhere' });
  const elsewhere = await listen(other.url, admin.with({ ...admin.headers, 'X-Organization-Id': orgId }));
  const all = await listen(other.url, admin);
  const presence = await listen(other.url, admin, '?types=presence');
  const id = await admin.create('/agents', { name: 'Evented', secret: 'a secret of its own' });
  await anonymous.post(`/agents/${id}/connect`, { secret: 'a secret of its own' });
  await admin.patch(`/agents/${id}`, { name: 'Evented again' });
  running.services.bus.notify('vps.health.changed', forwardedNotices('000000000000000000000001', 'a')['vps.health.changed']);
  emitRaw(running, 'cluster.connected', { clusterId: 'nobody' });
  await waitFor('all events', () => ['event: audit', 'event: config', 'event: presence', 'event: health'].every((event) => all.text().includes(event)));
  expect(all.text()).toMatch(new RegExp(`id: [0-9a-f]{24}\\nevent: presence\\ndata: {"orgId":"0{23}1","agentId":"${id}","from":"never_connected","to":"online","reason":"connected","at":"`));
  expect(all.text()).toContain('"source":"vps.health.changed"');
  expect(all.text()).not.toContain('nobody');
  await waitFor('presence', () => presence.text().includes('event: presence'));
  expect(presence.text()).not.toMatch(/event: (audit|config|health)/);
  expect(elsewhere.text()).not.toContain(id);
  for (const stream of [elsewhere, all, presence]) stream.close();
});

test('a revoked key ends its stream; keys see no audit, and health only with the scope', async () => {
  const key = await admin.post('/api-keys', { name: 'reader', scopes: ['agents:read'] });
  const client = anonymous.with({ 'X-API-Key': String(key.body['key']) });
  const stream = await listen(other.url, client);
  await admin.create('/agents', { name: 'Unseen' });
  running.services.bus.notify('vps.health.changed', forwardedNotices('000000000000000000000001', 'a')['vps.health.changed']);
  await admin.delete(`/api-keys/${String(key.body['_id'])}`);
  await waitFor('the end', () => stream.ended());
  expect(stream.text()).toContain('event: end\ndata: {"reason":"revoked"}');
  expect(stream.text()).not.toMatch(/event: (audit|health)/);
});

test('a key that expires ends its stream, though nobody revoked it', async () => {
  const expiresAt = new Date(Date.now() + 1500).toISOString();
  const key = await admin.post('/api-keys', { name: 'short', scopes: ['agents:read'], expiresAt });
  const stream = await listen(other.url, anonymous.with({ 'X-API-Key': String(key.body['key']) }));
  await waitFor('the end', () => stream.ended(), { timeoutMs: 15_000 });
  expect(stream.text()).toContain('event: end\ndata: {"reason":"revoked"}');
}, 20_000);

test('refusals', async () => {
  expect((await anonymous.get('/events')).status).toBe(401);
  expect((await admin.get('/events?types=secrets')).status).toBe(400);
});

test('the gateway asks for a configuration over the bus, and gets no secrets', async () => {
  const instructionId = await admin.create('/instructions', INSTRUCTION);
  const toolId = await admin.create('/tools', TOOL);
  const settings = { claudeModel: 'm', token: 's3cret', discord: { token: 's3cret', botId: 'b' } };
  const id = await admin.create('/agents', { name: 'Asked', instructionId, allowedToolIds: [toolId], settings });
  const ask = (question: object) => other.services.bus.request('aiwm.agent.configuration', running.replicaId, question, { timeoutMs: 3000 });
  const orgId = '000000000000000000000001';
  expect(await ask({ orgId, agentId: id })).toEqual({
    found: true,
    agent: { id, name: 'Asked', status: 'active' },
    configRevision: 1,
    instruction: expect.stringContaining('## Guidelines'),
    tools: [expect.objectContaining({ _id: toolId })],
    mcpServers: {},
    settings: { claudeModel: 'm', discord: { botId: 'b' } },
  });
  for (const question of [{ orgId: 'a'.repeat(24), agentId: id }, { orgId, agentId: 'f'.repeat(24) }, { orgId, agentId: 5 }, {}]) {
    expect(await ask(question)).toEqual({ found: false });
  }
  expect((await admin.get(`/agents/${id}`)).body['connectionCount']).toBe(0);
});
