import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './redis-server';
import { waitFor } from './wait-for';

/** `stack.json`, as `npm start` writes it. */
export interface StackFile {
  readonly urls: Readonly<Record<'aiwm' | 'vps_bridge' | 'cluster_agent' | 'execution_gateway' | 'dashboard', string>>;
  readonly pids: Readonly<Record<'aiwm' | 'vps_bridge' | 'cluster_agent' | 'execution_gateway', number>>;
  readonly replicas?: Readonly<Record<string, readonly { readonly url: string; readonly pid: number }[]>>;
  readonly mongodb_uri: string;
  readonly redis_url: string;
  readonly admin: { readonly email: string; readonly password: string };
  readonly api_keys: { readonly gateway: string; readonly bridge: string };
  readonly cluster_token: string;
}

const ROOT = join(__dirname, '../../..');
const START_LIMIT_MS = 170_000;
const PORT_VARIABLES = ['AIWM_PORT', 'VPS_BRIDGE_PORT', 'CLUSTER_AGENT_PORT', 'UA_GATEWAY_PORT'] as const;

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** A second replica takes the next port. */
async function freePortWithNeighbour(): Promise<number> {
  for (;;) {
    const port = await freePort();
    if (port < 65_535 && (await isFree(port + 1))) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** A whole stack as `npm start` runs it, on ports of the system's choice and with a data directory of its own. */
export class StackProcess {
  private child: ChildProcess | undefined;
  private text = '';
  private ports: Record<string, string> = {};

  private constructor(
    readonly dataDirectory: string,
    private readonly variables: Readonly<Record<string, string>>,
    private readonly flags: readonly string[],
  ) {}

  static async create(options: { variables?: Readonly<Record<string, string>>; flags?: readonly string[] } = {}): Promise<StackProcess> {
    const directory = mkdtempSync(join(tmpdir(), 'agentfleet-stack-'));
    const stack = new StackProcess(directory, options.variables ?? {}, options.flags ?? []);
    await stack.choosePorts();
    return stack;
  }

  /** Everything that it printed since it was started. */
  get output(): string {
    return this.text;
  }

  get pid(): number {
    const pid = this.child?.pid;
    if (pid === undefined) throw new Error('The stack is not running');
    return pid;
  }

  /** What `stack.json` says now; undefined while there is none. */
  file(): StackFile | undefined {
    try {
      const parsed: StackFile = JSON.parse(readFileSync(join(this.dataDirectory, 'stack.json'), 'utf8'));
      return parsed;
    } catch {
      return undefined;
    }
  }

  /** Ready, or an error with everything that was printed. A port that somebody took meanwhile is exchanged for another. */
  async start(more: Readonly<Record<string, string>> = {}): Promise<StackFile> {
    for (let attempt = 1; ; attempt++) {
      this.spawn(more);
      const outcome = await waitFor('the stack to be ready', () => this.file() ?? this.hasEnded(), { timeoutMs: START_LIMIT_MS, everyMs: 100 });
      if (outcome !== true) return outcome;
      if (attempt === 3 || !/Port \d+ .*is in use/i.test(this.text)) throw new Error(`The stack did not start:\n${this.text}`);
      await this.choosePorts();
    }
  }

  private hasEnded(): true | undefined {
    return this.child?.exitCode != null || this.child?.signalCode != null ? true : undefined;
  }

  /** Runs it until it ends by itself, as it should on bad input; the exit code. */
  async startAndFail(more: Readonly<Record<string, string>> = {}): Promise<number> {
    this.spawn(more);
    await waitFor('npm start to end', () => this.child?.exitCode != null, { timeoutMs: START_LIMIT_MS });
    return this.child?.exitCode ?? -1;
  }

  async signal(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await gone;
    return child.exitCode;
  }

  async dispose(): Promise<void> {
    await this.signal('SIGTERM');
    rmSync(this.dataDirectory, { recursive: true, force: true });
  }

  environment(): NodeJS.ProcessEnv {
    const { MONGODB_URI: _uri, REDIS_URL: _url, ...inherited } = process.env;
    return { ...inherited, DATA_DIR: this.dataDirectory, ...this.ports, ...this.variables };
  }

  private async choosePorts(): Promise<void> {
    for (const name of PORT_VARIABLES) this.ports[name] = String(await freePortWithNeighbour());
  }

  private spawn(more: Readonly<Record<string, string>>): void {
    this.text = '';
    const child = spawn(process.execPath, [join(ROOT, 'tools/start.mjs'), ...this.flags], {
      cwd: ROOT,
      env: { ...this.environment(), ...more },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (this.text += chunk.toString()));
    this.child = child;
  }
}

/** Runs a tool of the repository (such as `demo.mjs`) against a stack; its exit code and what it printed. */
export function runTool(name: string, stack: StackProcess, flags: readonly string[] = []): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(ROOT, 'tools', name), ...flags], { cwd: ROOT, env: stack.environment() });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.once('exit', (code) => resolve({ code, output }));
  });
}
