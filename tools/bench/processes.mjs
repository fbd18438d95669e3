import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../workspace/paths.mjs';

const TICKS_PER_SECOND = 100; // USER_HZ, fixed on Linux

/** User and system time of a process so far, in microseconds (Linux only: /proc). */
export function cpuMicros(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return ((Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND) * 1e6;
}

export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  return port;
}

/** What the bench starts, and stops again. */
export class Processes {
  #children = [];
  #execPath;
  #directory;

  /** @param {string} execPath the Node under which everything runs */
  constructor(execPath = process.execPath) {
    this.#execPath = execPath;
  }

  /** A script that prints one line when it listens. */
  async script(file, args = [], env = {}) {
    const child = this.#spawn([join(ROOT, file), ...args], env, ['pipe', 'pipe', 'inherit']);
    const [line] = await once(child.stdout.setEncoding('utf8'), 'data');
    child.stdout.resume();
    return { pid: child.pid, line: line.split('\n')[0] };
  }

  /** A built app, ready, with its log in a file and at the default level, as `npm start` runs it. */
  async app(name, portVariable, env) {
    const port = await freePort();
    const startedAt = performance.now();
    const log = this.#logOf(name, port);
    const child = this.#spawn([join(ROOT, `dist/apps/${name}/main.js`)], { ...env, HOST: '127.0.0.1', [portVariable]: String(port) }, ['ignore', log, log]);
    closeSync(log);
    const url = `http://127.0.0.1:${port}`;
    for (let i = 0; ; i++) {
      const ready = await fetch(`${url}/health/ready`).then((answer) => answer.json(), () => undefined);
      if (ready?.status === 'ready') return { pid: child.pid, url, readyMs: performance.now() - startedAt };
      if (i > 3000 || child.exitCode !== null) throw new Error(`${name} did not become ready`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Ends one of them, without the others. */
  async end(pid, signal) {
    const child = this.#children.find((one) => one.pid === pid);
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, 'exit');
  }

  async stop() {
    for (const child of this.#children.reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.stdin?.end();
      child.kill('SIGTERM');
      await Promise.race([once(child, 'exit'), new Promise((resolve) => setTimeout(resolve, 12_000))]);
      child.kill('SIGKILL');
    }
    this.#children = [];
    if (this.#directory !== undefined) rmSync(this.#directory, { recursive: true, force: true });
    this.#directory = undefined;
  }

  #logOf(name, port) {
    this.#directory ??= mkdtempSync(join(tmpdir(), 'agentfleet-bench-'));
    return openSync(join(this.#directory, `${name}-${port}.log`), 'a');
  }

  #spawn(args, env, stdio) {
    const child = spawn(this.#execPath, args, { stdio, env: { ...process.env, ...env } });
    this.#children.push(child);
    return child;
  }
}
