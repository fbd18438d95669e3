import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { isJsonObject } from '@agentfleet/contracts';

/** A bridge in a process of its own. */
export class BridgeProcess {
  private constructor(
    private readonly child: ChildProcess,
    readonly url: string,
  ) {}

  static async start(env: Readonly<Record<string, string>>): Promise<BridgeProcess> {
    const child = fork(join(__dirname, 'bridge-child.fixture.cjs'), { env: { PATH: process.env['PATH'], ...env }, execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    const url = await Promise.race([heard(child, 'url'), once(child, 'exit').then(() => null)]);
    if (typeof url !== 'string') throw new Error('The bridge did not start');
    return new BridgeProcess(child, url);
  }

  /** Bytes of memory that the process holds. */
  async rss(): Promise<number> {
    const rss = heard(this.child, 'rss');
    this.child.send('rss');
    return Number(await rss);
  }

  /** As the kernel would: no warning, no last word. */
  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await gone;
  }
}

async function heard(child: ChildProcess, field: string): Promise<unknown> {
  for (;;) {
    const [message]: unknown[] = await once(child, 'message');
    if (isJsonObject(message) && message[field] !== undefined) return message[field];
  }
}
