import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { AgentClient, AgentClientOptions } from '@agentfleet/sdk';
import { StackProcess, waitFor, type StackFile } from '@agentfleet/testing';
import { AiwmAdmin, clientOf } from './aiwm.fixture';

/** The agent client against a real AIWM that wants a heartbeat every two seconds. */
let stack: StackProcess;
let file: StackFile;
let admin: AiwmAdmin;
const clients: AgentClient[] = [];
const processes: ChildProcess[] = [];

beforeAll(async () => {
  stack = await StackProcess.create({ variables: { AIWM_HEARTBEAT_TIMEOUT_S: '6' } });
  file = await stack.start();
  admin = await AiwmAdmin.logIn(file);
});
afterAll(async () => {
  for (const client of clients) await client.stop();
  for (const child of processes) child.kill('SIGKILL');
  await stack.dispose();
});

/** The machine may be busy; each wait is for a condition and ends with it. */
const PATIENT = { timeoutMs: 40_000 };

/** The five minutes between tries in local mode become a third of a second; everything else takes its time. */
const impatient = {
  monotonicMs: () => performance.now(),
  random: () => Math.random(),
  sleep: (ms: number, signal?: AbortSignal) => wait(ms > 240_000 && ms < 360_000 ? 300 : Math.min(ms, 2 ** 31 - 1), undefined, signal ? { signal } : {}),
};

function client(id: string, secret: string, options: AgentClientOptions = {}): AgentClient {
  const made = clientOf(file, id, secret, { clock: impatient, ...options });
  clients.push(made);
  return made;
}

async function makeAgent(): Promise<{ id: string; instructionId: string; secret: string }> {
  const instructionId = await admin.make('instructions', { name: 'Support', systemPrompt: 'You are a helpful AI assistant.' });
  const id = await admin.make('agents', { name: 'Client', instructionId, settings: { resume: false, maxTurns: 0 } });
  return { id, instructionId, secret: await admin.secretOf(id) };
}

const beats = (one: AgentClient, count: number) => waitFor(`${count} heartbeats`, () => one.counter('aiwm_heartbeat_success_total') >= count, PATIENT);
const mode = (one: AgentClient, wanted: string) => waitFor(`mode ${wanted}`, () => one.health().aiwm.mode === wanted, PATIENT);

test('connects, is seen with its measurements, and says good-bye', async () => {
  const { id, secret } = await makeAgent();
  const one = client(id, secret);
  await one.start();
  expect(one.configuration.instruction).toBe('You are a helpful AI assistant.');
  expect(one.settings.flag('CLAUDE_RESUME', true)).toEqual({ value: false, source: 'aiwm' });
  await admin.shownAs(id, 'busy');
  expect(await admin.agent(id)).toMatchObject({ connectionCount: 1, metrics: { memoryMb: expect.any(Number), cpu: expect.any(Number) } });
  expect(one.health()).toMatchObject({ status: 'ok', aiwm: { mode: 'aiwm', connected: true } });
  await one.stop('test over');
  expect(await admin.agent(id)).toMatchObject({ connectionStatus: 'offline', presence: { reason: 'disconnected', detail: 'test over' } });
});

test('notices a changed configuration at its next heartbeat, without a restart or a new connect', async () => {
  const { id, instructionId, secret } = await makeAgent();
  const one = client(id, secret);
  const changes: object[] = [];
  one.on('configuration', (change) => changes.push(change));
  await one.start();
  const first = one.configuration.revision ?? 0;
  await admin.do('PATCH', `/agents/${id}`, { settings: { resume: true, maxTurns: 0, claudeOAuthToken: 'a plain value' } });
  await waitFor('the settings', () => changes.length === 1, PATIENT);
  expect(changes).toEqual([{ changedKeys: ['settings.claudeOAuthToken', 'settings.resume'], previousRevision: first, revision: first + 1 }]);
  expect(one.settings.text('CLAUDE_CODE_OAUTH_TOKEN', '').value).toBe('a plain value');
  await admin.do('PATCH', `/instructions/${instructionId}`, { guidelines: ['Be brief'] });
  await waitFor('the instruction', () => changes.length === 2, PATIENT);
  expect(changes[1]).toEqual({ changedKeys: ['instruction'], previousRevision: first + 1, revision: first + 2 });
  expect(one.configuration.instruction).toContain('1. Be brief');
  expect([one.counter('aiwm_config_update_total'), one.counter('aiwm_connection_success_total')]).toEqual([2, 1]);
  expect(await admin.agent(id)).toMatchObject({ connectionCount: 1, configRevision: first + 2 });
});

test('a suspended agent stops, and goes on when the suspension is lifted', async () => {
  const { id, secret } = await makeAgent();
  const one = client(id, secret);
  await one.start();
  await beats(one, 1);
  await admin.do('PATCH', `/agents/${id}`, { status: 'suspended' });
  await mode(one, 'stopped');
  expect(one.token).toBeNull();
  expect(one.health()).toMatchObject({ status: 'degraded', aiwm: { connected: false, suspended: true } });
  await admin.do('PATCH', `/agents/${id}`, { status: 'active' });
  await mode(one, 'aiwm');
  await admin.shownAs(id, 'busy');
  expect(one.health().aiwm).not.toHaveProperty('suspended');
});

test('with onSuspended: continue it goes on with its local configuration, and switches over when the suspension is lifted', async () => {
  const { id, secret } = await makeAgent();
  const one = client(id, secret, { onSuspended: 'continue' });
  await one.start();
  await beats(one, 1);
  await admin.do('PATCH', `/agents/${id}`, { status: 'suspended' });
  await mode(one, 'local');
  expect(one.token).toBeNull();
  await waitFor('the local configuration, which is read from its file', () => one.configuration.instruction === '', PATIENT);
  expect(one.settings.flag('CLAUDE_RESUME', false)).toEqual({ value: true, source: 'environment' });
  expect(await admin.agent(id)).toMatchObject({ connectionStatus: 'offline', presence: { reason: 'suspended' } });
  await waitFor('a try from local mode', () => one.health().aiwm.lastError === 'connect: 401 AGENT_SUSPENDED' && one.counter('aiwm_connection_failure_total') >= 2, PATIENT);
  await admin.do('PATCH', `/agents/${id}`, { status: 'active' });
  await mode(one, 'aiwm');
  await admin.shownAs(id, 'busy');
  expect(one.configuration.instruction).toBe('You are a helpful AI assistant.');
  expect(one.health()).toMatchObject({ status: 'ok', aiwm: { connected: true, lastError: null } });
});

test('a rotation with an overlap disturbs nobody; its end does', async () => {
  const { id, secret } = await makeAgent();
  const old = client(id, secret);
  await old.start();
  await beats(old, 1);
  const newSecret = await admin.secretOf(id, 600);
  expect(await old.renewToken()).toBe(true);
  expect(Date.parse(old.health().aiwm.tokenExpiresAt ?? '') - Date.now()).toBeLessThanOrEqual(600_000);
  await beats(old, old.counter('aiwm_heartbeat_success_total') + 1);
  const fresh = client(id, newSecret);
  await fresh.start();
  await beats(fresh, 1);
  expect([old.health().aiwm.mode, fresh.health().aiwm.mode, old.counter('aiwm_heartbeat_failure_total')]).toEqual(['aiwm', 'aiwm', 0]);
  expect((await admin.agent(id))['credentials']).toMatchObject({ previousLastUsedAt: expect.any(String), previousExpiresAt: expect.any(String) });
  await admin.do('DELETE', `/agents/${id}/credentials/previous`);
  await waitFor('a refusal', () => old.counter('aiwm_heartbeat_failure_total') > 0 && old.health().aiwm.lastError?.includes('401') === true, PATIENT);
  await beats(fresh, fresh.counter('aiwm_heartbeat_success_total') + 1);
  expect([fresh.health().aiwm.mode, fresh.counter('aiwm_heartbeat_failure_total')]).toEqual(['aiwm', 0]);
  await old.stop();
});

test('AIWM is killed and comes back: the client goes on with its token, and is shown as it is', async () => {
  const { id, secret } = await makeAgent();
  const one = client(id, secret);
  await one.start();
  await beats(one, 1);
  const pid = file.pids.aiwm;
  process.kill(pid, 'SIGKILL');
  await waitFor('a new process', () => (stack.file()?.pids.aiwm ?? pid) !== pid, PATIENT);
  await waitFor('readiness', async () => (await fetch(`${file.urls.aiwm}/health/ready`)).ok, PATIENT);
  await beats(one, one.counter('aiwm_heartbeat_success_total') + 1);
  expect(one.health()).toMatchObject({ status: 'ok', aiwm: { mode: 'aiwm', connected: true, lastError: null } });
  await admin.shownAs(id, 'busy');
  expect(await admin.agent(id)).toMatchObject({ connectionCount: 1, presence: { reason: 'heartbeat' } });
  await one.stop('enough');
  expect(await admin.agent(id)).toMatchObject({ connectionStatus: 'offline', presence: { detail: 'enough' } });
});

test('two clients of one agent: both are served, and one that leaves does not take the other with it', async () => {
  const { id, secret } = await makeAgent();
  const [first, second] = [client(id, secret), client(id, secret, { status: () => 'idle' })];
  await Promise.all([first.start(), second.start()]);
  await Promise.all([beats(first, 2), beats(second, 2)]);
  expect(await admin.agent(id)).toMatchObject({ connectionCount: 2 });
  expect(await first.renewToken()).toBe(true);
  await first.stop();
  await beats(second, second.counter('aiwm_heartbeat_success_total') + 1);
  await admin.shownAs(id, 'idle');
  expect([first.counter('aiwm_heartbeat_failure_total'), second.counter('aiwm_heartbeat_failure_total')]).toEqual([0, 0]);
});

test('a deleted agent stops for good, at its heartbeat and at the next start', async () => {
  const { id, secret } = await makeAgent();
  const one = client(id, secret);
  await one.start();
  await beats(one, 1);
  await admin.do('DELETE', `/agents/${id}`);
  await mode(one, 'stopped');
  const again = client(id, secret);
  await again.start();
  expect([again.health().aiwm.mode, again.counter('aiwm_connection_failure_total')]).toEqual(['stopped', 1]);
});

const ROOT = join(__dirname, '..');
/** The example of the README: an agent that prints its instruction and handles signals. */
const EXAMPLE = /## AgentClient[^`]*```js\n([\s\S]*?)```/.exec(readFileSync(join(ROOT, 'libs/sdk/README.md'), 'utf8'))?.[1] ?? '';

/** The built SDK in a process of its own. */
async function agentProcess(id: string, secret: string, script: string): Promise<ChildProcess> {
  const variables = { AIWM_ENABLED: 'true', AIWM_BASE_URL: file.urls.aiwm, AIWM_AGENT_ID: id, AIWM_AGENT_SECRET: secret };
  const child = spawn(process.execPath, ['-e', script], { cwd: ROOT, env: { PATH: process.env['PATH'], ...variables }, stdio: ['ignore', 'pipe', 'pipe'] });
  processes.push(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await waitFor('the agent', () => output.includes('You are a helpful AI assistant. 0'), PATIENT);
  await waitFor('its heartbeat', async () => (await admin.agent(id))['lastHeartbeatAt'] !== null, PATIENT);
  return child;
}

function endOf(child: ChildProcess, signal: NodeJS.Signals): Promise<unknown[]> {
  const ended = new Promise<unknown[]>((resolve) => child.once('exit', (...how) => resolve(how)));
  child.kill(signal);
  return ended;
}

test.each(['SIGTERM', 'SIGINT'] as const)('%s: an agent that wants it says good-bye and ends by the signal', async (signal) => {
  const { id, secret } = await makeAgent();
  const child = await agentProcess(id, secret, EXAMPLE);
  expect(await endOf(child, signal)).toEqual([null, signal]);
  expect(await admin.agent(id)).toMatchObject({ connectionStatus: 'offline', presence: { reason: 'disconnected', detail: signal } });
});

test('SIGTERM: without being asked the client leaves signals alone', async () => {
  const { id, secret } = await makeAgent();
  const child = await agentProcess(id, secret, EXAMPLE.replace(', handleSignals: true', ''));
  expect(await endOf(child, 'SIGTERM')).toEqual([null, 'SIGTERM']);
  expect((await admin.agent(id))['presence']).not.toMatchObject({ reason: 'disconnected' });
});
