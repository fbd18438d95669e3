import { waitFor } from '@agentfleet/testing';
import type { RunningApp } from '@agentfleet/platform';
import { aiwmStack, connected, INSTRUCTION, newAgent, type Client, type Stack } from './aiwm-stack.fixture';

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

test('two replicas: a suspension, a rotation and a revoked key bite on the other by a notice, not only when what it keeps is over (30 s)', async () => {
  const { client } = await stack.boot();
  await waitFor('the bus', () => running.services.bus.isUp);
  const { id, secret } = await newAgent(admin);
  const agent = await connected(anonymous, id, secret);
  const elsewhere = client.with(agent.headers);
  expect((await elsewhere.post(`/agents/${id}/heartbeat`, { status: 'online' })).status).toBe(200);
  await admin.patch(`/agents/${id}`, { status: 'suspended' });
  await waitFor('the refusal', async () => (await elsewhere.post(`/agents/${id}/heartbeat`, { status: 'online' })).status === 401);
  const key = await admin.post('/api-keys', { name: 'k', scopes: ['agents:read'] });
  const reader = client.with({ 'X-API-Key': String(key.body['key']) });
  expect((await reader.get('/agents')).status).toBe(200);
  await admin.delete(`/api-keys/${String(key.body['_id'])}`);
  await waitFor('the refusal', async () => (await reader.get('/agents')).status === 401);
});

test('a heartbeat is soon in the database, and a fresh replica shows it', async () => {
  const { id, secret } = await newAgent(admin);
  const agent = await connected(anonymous, id, secret);
  await agent.post(`/agents/${id}/heartbeat`, { status: 'idle' });
  const { client } = await stack.boot();
  const other = client.with(admin.headers);
  await waitFor('the heartbeat elsewhere', async () => (await other.get(`/agents/${id}`)).body['connectionStatus'] === 'idle');
});

test('a restart loses nothing and a generated secret needs no bcrypt again', async () => {
  const { id, secret } = await newAgent(admin);
  await connected(anonymous, id, secret);
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
