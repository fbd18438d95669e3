import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';

export interface TestServers {
  readonly mongodbUri: string;
  readonly redisUrl: string;
  /** Paths of the programs, for specs that start and kill servers of their own. */
  readonly mongod: string;
  readonly redisServer: string;
}

const START_LIMIT_MS = 300_000; // a first run may download the programs
const SCRIPT = join(__dirname, '../../../tools/test-servers.mjs');

let child: ChildProcess | undefined;

function parseLine(line: string): TestServers {
  const value: unknown = JSON.parse(line);
  const record = typeof value === 'object' && value !== null ? new Map(Object.entries(value)) : new Map<string, unknown>();
  const read = (name: string): string => {
    const text: unknown = record.get(name);
    if (typeof text !== 'string') throw new Error(`The test servers' line has no ${name}`);
    return text;
  };
  return { mongodbUri: read('mongodb_uri'), redisUrl: read('redis_url'), mongod: read('mongod'), redisServer: read('redis_server') };
}

/** Starts tools/test-servers.mjs and reads the one line that it prints. */
export function startTestServers(): Promise<TestServers> {
  return new Promise((resolve, reject) => {
    const started = spawn(process.execPath, [SCRIPT], { stdio: ['pipe', 'pipe', 'inherit'] });
    child = started;
    const timer = setTimeout(() => {
      started.kill('SIGTERM');
      reject(new Error('MongoDB and Redis for the tests did not start in time'));
    }, START_LIMIT_MS);
    let output = '';
    started.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      const end = output.indexOf('\n');
      if (end < 0) return;
      clearTimeout(timer);
      try {
        resolve(parseLine(output.slice(0, end)));
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    });
    started.once('exit', (code) => {
      clearTimeout(timer);
      reject(new Error(`The test servers ended with code ${String(code)} before they were ready`));
    });
  });
}

/** The servers end, and delete their data, when their standard input closes. */
export function stopTestServers(): Promise<void> {
  const running = child;
  child = undefined;
  if (!running || running.exitCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(() => running.kill('SIGKILL'), 20_000);
    running.once('exit', () => {
      clearTimeout(timer);
      resolve();
    });
    running.stdin?.end();
  });
}
