import { execFile } from 'node:child_process';
import { existsSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import os from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { mongo } from 'mongoose';
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
  return [...Object.values(stack.file()?.pids ?? {}), ...databasePids(directory)];
}

function databasePids(directory: string): number[] {
  return ['mongodb-6/agentfleet.pid', 'mongodb-7/agentfleet.pid', 'mongodb-8/agentfleet.pid']
    .map((name) => join(directory, name))
    .filter((path) => existsSync(path))
    .map((path) => Number(readFileSync(path, 'utf8').trim()));
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

/** zsh is none of this repository's needs: where it is, the guides are tried in it, and the test's name says which shells it was. */
const SHELLS = (process.env['PATH'] ?? '').split(':').some((directory) => existsSync(join(directory, 'zsh'))) ? ['bash', 'zsh'] : ['bash', 'bash'];

test.each([
  ['aiwm.md', ['[redacted]', 'AIWM_ENABLED=true', 'You are a helpful assistant.', 'busy', 'suspended', '401', 'agent.update']],
  ['bridge.md', ['backup', 'primary:refused backup:null', 'unhealthy', 'one call', 'Here is your plan.', 'event: failover', 'event: done', '{"imported":1}']],
])(`the commands of the guide %s work as they stand, twice in a row (${SHELLS.join(', then ')})`, async (guide, expected) => {
  for (const shell of SHELLS) {
    const { stdout } = await promisify(execFile)(shell, [...(shell === 'zsh' ? ['-f'] : []), '-euo', 'pipefail', '-c', commandsOf(guide)], {
      cwd: stack.dataDirectory,
      env: { ...process.env, DATA_DIR: stack.dataDirectory },
      timeout: 60_000,
    });
    for (const text of expected) expect([shell, stdout]).toEqual([shell, expect.stringContaining(text)]);
  }
});

test('MongoDB and Redis want the credentials of stack.json', async () => {
  const { mongodb_uri: uri, redis_url: url } = stack.file()!;
  const answerOf = async (address: string) => {
    const client = new mongo.MongoClient(address, { runtimeAdapters: { os }, serverSelectionTimeoutMS: 5000 });
    try {
      return `${await client.db('agentfleet').collection('users').countDocuments()} users`;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    } finally {
      await client.close();
    }
  };
  expect(await answerOf(uri)).toMatch(/^\d+ users$/);
  expect(await answerOf(uri.replace(/\/\/.*@/, '//').replace('&authSource=admin', ''))).toMatch(/requires authentication/);
  const { hostname, port, password } = new URL(url);
  expect(await redisSays(hostname, Number(port), 'GET x')).toMatch(/^-NOAUTH/);
  expect(await redisSays(hostname, Number(port), `AUTH ${password}`)).toMatch(/^\+OK/);
  expect(stack.output).not.toContain(password);
});

function redisSays(host: string, port: number, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, host, () => socket.write(`${command}\r\n`));
    socket.once('error', reject);
    socket.once('data', (data) => {
      resolve(data.toString());
      socket.destroy();
    });
  });
}

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

test('a password that is given to an administrator who exists is named as ignored, and not stored', async () => {
  const { admin } = stack.file()!;
  await stack.signal('SIGTERM');
  const again = await stack.start({ AIWM_ADMIN_PASSWORD: 'another-Password-7' });
  expect(stack.output).toContain('AIWM_ADMIN_PASSWORD is ignored');
  expect(stack.output).toContain('--reset-admin-password');
  expect(stack.output).not.toContain('another-Password-7');
  expect(again.admin).toEqual(admin);
});

test('when its directory is removed the stack says so and stops in order', async () => {
  const removed = await StackProcess.create();
  await removed.start();
  const started = [...Object.values(removed.file()!.pids), ...databasePids(removed.dataDirectory)];
  expect(started.length).toBeGreaterThanOrEqual(5);
  renameSync(removed.dataDirectory, `${removed.dataDirectory}-moved`);
  rmSync(`${removed.dataDirectory}-moved`, { recursive: true, force: true });
  process.kill(started.at(-1)!, 'SIGKILL'); // MongoDB notices within a minute by itself
  await waitFor('everything to end', () => started.filter(isAlive).length === 0, { timeoutMs: 40_000 });
  // whichever of its files is missed first: a database's, or stack.json
  await waitFor('the reason', () => removed.output.includes('; stopping'), { timeoutMs: 20_000 }).catch(() => undefined);
  expect(removed.output).toContain('; stopping');
  expect(removed.output).not.toMatch(/\n\s+at /);
  await removed.dispose();
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
