import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitFor } from './wait-for';

/** A free port, as the system gives it. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => (typeof address === 'object' && address ? resolve(address.port) : reject(new Error('no port'))));
    });
  });
}

/** The first piece of the answer to a command; empty when there is none. */
function ask(port: number, command: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(`${command}\r\n`));
    socket.setTimeout(500, () => socket.destroy());
    socket.on('data', (data) => {
      resolve(data.toString());
      socket.destroy();
    });
    socket.on('error', () => resolve(''));
    socket.on('close', () => resolve(''));
  });
}

/** A Redis of the spec's own, to be killed and started again on the same port. */
export class OwnRedis {
  private child: ChildProcess | undefined;
  private readonly directory = mkdtempSync(join(tmpdir(), 'agentfleet-redis-'));

  private constructor(readonly port: number) {}

  /** Reserves a port; nothing runs yet. */
  static async create(): Promise<OwnRedis> {
    return new OwnRedis(await freePort());
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    const program = process.env['TEST_REDIS_SERVER'];
    if (program === undefined) throw new Error('TEST_REDIS_SERVER is not set');
    const settings = ['--port', String(this.port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', this.directory];
    // the shell ends Redis when its standard input closes, so also when the process of the spec dies
    const script = '"$@" > /dev/null 2>&1 & child=$!; read -r _; kill -9 "$child"; wait "$child"';
    this.child = spawn('sh', ['-c', script, 'sh', program, ...settings], { stdio: ['pipe', 'ignore', 'ignore'] });
    await waitFor('Redis', async () => (await ask(this.port, 'PING')).startsWith('+PONG'));
  }

  /** It hangs: connections stay, nothing is answered. The result lets it go on. */
  async hang(): Promise<() => void> {
    const info = await ask(this.port, 'INFO server');
    const pid = Number(/process_id:(\d+)/.exec(info)?.[1]);
    process.kill(pid, 'SIGSTOP');
    return () => process.kill(pid, 'SIGCONT');
  }

  /** Ends it at once, as a crash would. */
  async kill(): Promise<void> {
    const running = this.child;
    this.child = undefined;
    if (!running || running.exitCode !== null) return;
    const gone = new Promise((resolve) => running.once('exit', resolve));
    running.stdin?.end();
    await gone;
  }

  async dispose(): Promise<void> {
    await this.kill();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
