import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { AgentClient } from '@agentfleet/sdk';
import { StackProcess, waitFor, type StackFile } from '@agentfleet/testing';

/** The agent client and the connection test against a real AIWM. */
let stack: StackProcess;
let file: StackFile;
let admin: Record<string, string>;
const clients: AgentClient[] = [];
const processes: ChildProcess[] = [];

beforeAll(async () => {
  stack = await StackProcess.create();
  file = await stack.start();
  const login = await ask('POST', '/auth/login', { username: file.admin.email, password: file.admin.password });
  admin = { Authorization: `Bearer ${String(login.body['accessToken'])}` };
});
afterAll(async () => {
  for (const client of clients) await client.stop();
  for (const child of processes) child.kill('SIGKILL');
  await stack.dispose();
});

async function ask(method: string, path: string, body?: object) {
  const response = await fetch(`${file.urls.aiwm}${path}`, {
    method,
    headers: { ...(body ? { 'Content-Type': 'application/json' } : {}), ...admin },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  const parsed: Record<string, unknown> = JSON.parse((await response.text()) || '{}');
  return { status: response.status, body: parsed };
}

async function make(collection: string, body: object): Promise<string> {
  const made = await ask('POST', `/${collection}`, body);
  expect([collection, made.status]).toEqual([collection, 201]);
  return String(made.body['_id']);
}

/** An agent with its secret, and a client of it. */
async function makeAgent(): Promise<{ id: string; client: AgentClient }> {
  const instructionId = await make('instructions', { name: 'Support', systemPrompt: 'You are a helpful AI assistant.' });
  const id = await make('agents', { name: 'Client', instructionId, settings: { resume: false, maxTurns: 0 } });
  const { secret } = (await ask('POST', `/agents/${id}/credentials/regenerate`, {})).body;
  const variables = { AIWM_ENABLED: 'true', AIWM_BASE_URL: file.urls.aiwm, AIWM_AGENT_ID: id, AIWM_AGENT_SECRET: String(secret), CLAUDE_RESUME: 'true' };
  const silent = () => undefined;
  const client = new AgentClient({ variables, status: () => 'busy', log: { info: silent, warn: silent, error: silent } });
  clients.push(client);
  return { id, client };
}

const read = async (id: string) => (await ask('GET', `/agents/${id}`)).body;

test('connects, is seen with its measurements, and says good-bye', async () => {
  const { id, client } = await makeAgent();
  await client.start();
  expect(client.configuration.instruction).toBe('You are a helpful AI assistant.');
  expect(client.settings.flag('CLAUDE_RESUME', true)).toEqual({ value: false, source: 'aiwm' });
  await waitFor('the heartbeat', async () => (await read(id))['connectionStatus'] === 'busy');
  expect(await read(id)).toMatchObject({ connectionCount: 1, metrics: { memoryMb: expect.any(Number), cpu: expect.any(Number) } });
  expect(client.health()).toMatchObject({ status: 'ok', aiwm: { mode: 'aiwm', connected: true } });
  await client.stop('test over');
  expect(await read(id)).toMatchObject({ connectionStatus: 'offline', presence: { reason: 'disconnected', detail: 'test over' } });
});

test('takes a changed configuration over with a new token, and stops when it is deleted', async () => {
  const { id, client } = await makeAgent();
  const changes: unknown[] = [];
  client.on('configuration', (change) => changes.push(change));
  await client.start();
  await waitFor('a heartbeat', () => client.counter('aiwm_heartbeat_success_total') === 1);
  expect((await ask('PATCH', `/agents/${id}`, { settings: { resume: true, maxTurns: 0 } })).status).toBe(200);
  expect(await client.renewToken()).toBe(true);
  expect(changes).toEqual([{ changedKeys: ['settings.resume'], previousRevision: expect.any(Number), revision: client.configuration.revision }]);
  await waitFor('the heartbeat after it', () => client.counter('aiwm_heartbeat_success_total') === 2);
  expect(await read(id)).toMatchObject({ connectionCount: 2, configRevision: client.configuration.revision });
  expect((await ask('DELETE', `/agents/${id}`)).status).toBe(200);
  const again = new AgentClient({ variables: { AIWM_BASE_URL: file.urls.aiwm, AIWM_AGENT_ID: id, AIWM_AGENT_SECRET: 'x' }, log: { info: () => undefined, warn: () => undefined, error: () => undefined } });
  await again.start();
  expect(again.health().aiwm.mode).toBe('stopped');
});

function connectionTest(variables: Record<string, string>): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve) => {
    const child = spawn('bash', [join(__dirname, '../tools/test-agent-connection.sh'), file.urls.aiwm], { env: { ...process.env, ...variables } });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.once('exit', (code) => resolve({ code, output }));
  });
}

test('the connection test walks through, and leaves nothing behind', async () => {
  const before = (await ask('GET', '/agents')).body['pagination'];
  const { code, output } = await connectionTest({ AIWM_ADMIN_EMAIL: file.admin.email, AIWM_ADMIN_PASSWORD: file.admin.password });
  expect(output).toContain('All 13 steps worked.');
  expect(code).toBe(0);
  expect((await ask('GET', '/agents')).body['pagination']).toEqual(before);
});

test('the connection test fails at the first failure and says where', async () => {
  const { code, output } = await connectionTest({ AIWM_ADMIN_EMAIL: file.admin.email, AIWM_ADMIN_PASSWORD: 'wrong password' });
  expect(output).toContain('FAILED: POST /auth/login answered 401 instead of 200');
  expect(output).toContain('Stopped at step 2');
  expect(code).toBe(1);
});

test('the example agent takes its configuration, answers the bridge and says good-bye', async () => {
  const id = await make('agents', { name: 'Example' });
  const { secret } = (await ask('POST', `/agents/${id}/credentials/regenerate`, {})).body;
  const variables = { AIWM_ENABLED: 'true', AIWM_BASE_URL: file.urls.aiwm, AIWM_AGENT_ID: id, AIWM_AGENT_SECRET: String(secret), AGENT_PORT: '0', MODEL_BASE_URL: '', AGENT_AUTH_TOKEN: 'example-token' };
  const child = spawn(process.execPath, [join(__dirname, '../examples/agent/agent.mjs')], { env: { ...process.env, ...variables } });
  processes.push(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const port = Number(await waitFor('the agent to be ready', () => /Agent ready on http:\/\/127\.0\.0\.1:(\d+) \(aiwm\)/.exec(output)?.[1]));
  await waitFor('its heartbeat', async () => (await read(id))['lastHeartbeatAt'] !== null);
  const bridge = { 'X-API-Key': file.api_keys.bridge, 'Content-Type': 'application/json' };
  const post = (path: string, body: object) => fetch(`${file.urls.vps_bridge}/api/vps/${path}`, { method: 'POST', headers: bridge, body: JSON.stringify(body) });
  expect((await post('register', { name: 'example-agent', host: '127.0.0.1', port, auth_token: 'example-token' })).status).toBe(201);
  const call = await post('call', { agent_name: 'example-agent', prompt: 'Good day', session_id: 'example-session', user_id: 'example-user' });
  expect(await call.json()).toMatchObject({ success: true, response: 'You said: Good day' });
  expect(output).not.toContain(String(secret));
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  expect(await ended).toBe(0);
  expect(await read(id)).toMatchObject({ connectionStatus: 'offline', presence: { reason: 'disconnected', detail: 'SIGTERM' } });
});
