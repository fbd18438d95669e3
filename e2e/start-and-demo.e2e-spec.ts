import { execFile } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { isAlive, runTool, StackProcess, waitFor } from '@agentfleet/testing';

let stack: StackProcess;

beforeAll(async () => {
  stack = await StackProcess.create();
});
afterAll(() => stack.dispose());

const login = async (base: string, admin: { email: string; password: string }) => {
  const body = JSON.stringify({ username: admin.email, password: admin.password });
  return fetch(`${base}/auth/login`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body });
};

/** Pids of everything that a stack started, databases included. */
function processesOf(directory: string): number[] {
  const file = stack.file();
  const databases = ['mongodb-6/agentfleet.pid', 'mongodb-7/agentfleet.pid', 'mongodb-8/agentfleet.pid']
    .map((name) => join(directory, name))
    .filter((path) => existsSync(path))
    .map((path) => Number(readFileSync(path, 'utf8').trim()));
  return [...Object.values(file?.pids ?? {}), ...databases];
}

test('npm start brings up four ready apps and says where they are', async () => {
  const file = await stack.start();
  for (const name of ['aiwm', 'vps_bridge', 'cluster_agent', 'execution_gateway'] as const) {
    const ready = await fetch(`${file.urls[name]}/health/ready`);
    expect([name, ready.status, await ready.json()]).toEqual([name, 200, { status: 'ready', checks: { mongodb: 'up', redis: 'up', draining: false } }]);
    expect([name, (await fetch(`${file.urls[name]}/api-docs`)).status]).toEqual([name, 200]);
    expect([name, (await fetch(`${file.urls[name]}/metrics`)).status]).toEqual([name, 200]);
    expect(isAlive(file.pids[name])).toBe(true);
  }
  expect(statSync(join(stack.dataDirectory, 'stack.json')).mode & 0o777).toBe(0o600);
  expect(statSync(join(stack.dataDirectory, 'secrets.json')).mode & 0o777).toBe(0o600);
  expect(stack.output).toContain(file.admin.password);
  expect((await login(file.urls.aiwm, file.admin)).status).toBe(200);
  const root = await fetch(`${file.urls.aiwm}/`, { redirect: 'manual' });
  expect([root.status, root.headers.get('location')]).toEqual([302, '/api-docs']);
});

test('the demo walks through all four', async () => {
  const { code, output } = await runTool('demo.mjs', stack);
  expect(output).toContain('All 20 steps worked');
  expect(code).toBe(0);
});

/** The shell blocks of a guide, in their order. */
function commandsOf(guide: string): string {
  const text = readFileSync(join(__dirname, '../docs/guides', guide), 'utf8');
  return [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block]) => block).join('\n');
}

test.each([
  ['aiwm.md', ['[redacted]', 'AIWM_ENABLED=true', 'You are a helpful assistant.', 'busy', 'suspended', '401', 'agent.update']],
  ['bridge.md', ['backup', 'primary:refused backup:null', 'unhealthy', 'one call', 'Here is your plan.', 'event: failover', 'event: done', '{"imported":1}']],
])('the commands of the guide %s work as they stand', async (guide, expected) => {
  const bash = promisify(execFile)('bash', ['-euo', 'pipefail', '-c', commandsOf(guide)], {
    cwd: stack.dataDirectory,
    env: { ...process.env, DATA_DIR: stack.dataDirectory },
    timeout: 60_000,
  });
  const { stdout } = await bash;
  for (const text of expected) expect(stdout).toContain(text);
});

test('a second start on the same directory is refused and names the first', async () => {
  const other = await StackProcess.create({ variables: { DATA_DIR: stack.dataDirectory } });
  expect(await other.startAndFail()).not.toBe(0);
  expect(other.output).toContain(String(stack.pid));
  await other.dispose();
});

test('an app that is killed is started again; stack.json names the new process', async () => {
  const before = stack.file()!.pids.aiwm;
  process.kill(before, 'SIGKILL');
  await waitFor('a new pid', () => (stack.file()?.pids.aiwm ?? before) !== before);
  await waitFor('readiness', async () => (await fetch(`${stack.file()!.urls.aiwm}/health/ready`)).ok, { timeoutMs: 20_000 });
});

test('SIGTERM stops everything; the next start finds its data and does not show the password again', async () => {
  const { admin } = stack.file()!;
  const started = processesOf(stack.dataDirectory);
  expect(started.length).toBeGreaterThanOrEqual(5);
  expect(await stack.signal('SIGTERM')).toBe(0);
  expect(started.filter(isAlive)).toEqual([]);
  expect(stack.file()).toBeUndefined();
  const again = await stack.start();
  expect(again.admin).toEqual(admin);
  expect(stack.output).not.toContain(admin.password);
  expect((await login(again.urls.aiwm, admin)).status).toBe(200);
});

test('when the supervisor itself is killed nothing stays behind', async () => {
  const started = processesOf(stack.dataDirectory);
  await stack.signal('SIGKILL');
  await waitFor('all processes to end', () => started.filter(isAlive).length === 0, { timeoutMs: 30_000 });
});

test('a port in use is one clear message that names the variable, and nothing is left running', async () => {
  const server = createServer();
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : 0);
    });
  });
  const other = await StackProcess.create();
  expect(await other.startAndFail({ UA_GATEWAY_PORT: String(port) })).not.toBe(0);
  expect(other.output).toContain('UA_GATEWAY_PORT');
  expect(other.output).toContain(String(port));
  await new Promise((resolve) => server.close(resolve));
  await other.dispose();
});

test('a bad variable is one clear message that names it', async () => {
  const other = await StackProcess.create();
  expect(await other.startAndFail({ AIWM_HEARTBEAT_TIMEOUT_S: 'soon' })).not.toBe(0);
  expect(other.output).toContain('AIWM_HEARTBEAT_TIMEOUT_S must be a whole number');
  await other.dispose();
});
