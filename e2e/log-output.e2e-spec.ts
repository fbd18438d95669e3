import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, waitFor } from '@agentfleet/testing';

/** The log of a built app, into outputs that do not take it. MongoDB and Redis are not there: the app lives all the same. */
const APP = { main: join(__dirname, '../dist/apps/cluster-agent/main.js'), portVariable: 'CLUSTER_AGENT_PORT' };

let directory: string;
let started: ChildProcess[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'agentfleet-log-'));
  started = [];
});
afterEach(async () => {
  for (const child of started) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  rmSync(directory, { recursive: true });
});

async function start(stdout: StdioOptions): Promise<{ url: string; child: ChildProcess }> {
  const port = await freePort();
  const env = {
    ...process.env,
    HOST: '127.0.0.1',
    [APP.portVariable]: String(port),
    MONGODB_URI: 'mongodb://127.0.0.1:1/none?replicaSet=none',
    REDIS_URL: 'redis://127.0.0.1:1',
    SECRETS_KEY: `e2e:${Buffer.alloc(32, 1).toString('base64')}`,
    LOG_LEVEL: 'debug', // a line for each request
  };
  const child = spawn(process.execPath, [APP.main], { env, stdio: stdout });
  started.push(child);
  const url = `http://127.0.0.1:${port}`;
  await waitFor('its first answer', async () => (await fetch(`${url}/health/live`)).ok, { timeoutMs: 30_000 });
  return { url, child };
}

/** More lines than wait in memory. */
async function flood(url: string): Promise<void> {
  for (let i = 0; i < 80; i++) {
    const answers = await Promise.all(Array.from({ length: 100 }, () => fetch(`${url}/health/live`)));
    for (const answer of answers) {
      await answer.arrayBuffer();
      expect(answer.status).toBe(200);
    }
  }
}

const droppedLines = async (url: string) => Number(/^log_lines_dropped_total (\d+)$/m.exec(await (await fetch(`${url}/metrics`)).text())?.[1]);

const OUTPUTS: readonly [string, () => { stdio: StdioOptions; opened: (child: ChildProcess) => void }][] = [
  [
    'a full disk',
    () => {
      const full = openSync('/dev/full', 'w');
      return { stdio: ['ignore', full, 'inherit'], opened: () => closeSync(full) };
    },
  ],
  ['a pipe whose reader is gone', () => ({ stdio: ['ignore', 'pipe', 'inherit'], opened: (child) => void child.stdout?.destroy() })],
  ['a pipe that nobody reads', () => ({ stdio: ['ignore', 'pipe', 'inherit'], opened: () => undefined })],
];

test.each(OUTPUTS)('an app answers while its log goes to %s, counts what it drops, and ends when it is told to', async (_name, make) => {
  const { stdio, opened } = make();
  const { url, child } = await start(stdio);
  opened(child);
  await flood(url);
  expect(await droppedLines(url)).toBeGreaterThan(0);
  child.kill('SIGTERM');
  const [code] = (await once(child, 'exit')) as [number | null];
  expect(code).toBe(0);
});

test('the lines before the end are in the file', async () => {
  const path = join(directory, 'app.log');
  const output = openSync(path, 'a');
  const { url, child } = await start(['ignore', output, 'inherit']);
  closeSync(output);
  await fetch(`${url}/health/live`);
  expect(await droppedLines(url)).toBe(0);
  child.kill('SIGTERM');
  await once(child, 'exit');
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line) as { msg: string });
  expect(lines.some(({ msg }) => msg === 'Shutting down')).toBe(true);
  expect(lines.some(({ msg }) => msg === 'Request')).toBe(true);
});
