import { asAppError } from './failures/as-app-error';
import { inTime } from './in-time';
import type { Log } from './observe/log';

const WARN_EVERY_MS = 60_000;
const HUNG_AFTER_MS = 120_000;

export interface RecurringOptions {
  /**
   * `ready` (default): between readiness and SIGTERM, whose drain waits for the run under way. `always`: from now until the
   * app has closed its sockets and its server, for what has to go on while others drain.
   */
  readonly during?: 'ready' | 'always';
  /** A run that takes longer has failed, and another may begin beside it: one lost answer must not end recurring work for good. Default 120,000. */
  readonly hungAfterMs?: number;
  /** With `always`: once more at the end, for what the last requests brought. */
  readonly lastRun?: boolean;
}

interface RecurringPorts {
  isReady(): boolean;
  ran(name: string, result: 'done' | 'failed'): void;
}

/** Work that a replica does again and again, one run at a time; made by `lifecycle.every`. */
export class RecurringWork {
  private readonly timer: NodeJS.Timeout;
  private current: Promise<void> | undefined;
  private next: Promise<void> | undefined;
  private isStopped = false;
  private warnedAtMs = -Infinity;

  constructor(
    readonly name: string,
    periodMs: number,
    private readonly options: RecurringOptions,
    private readonly work: () => Promise<void> | void,
    private readonly ports: RecurringPorts,
    private readonly log: Log,
  ) {
    this.timer = setInterval(() => {
      if (this.current === undefined) void this.run();
    }, periodMs);
    this.timer.unref();
  }

  get during(): 'ready' | 'always' {
    return this.options.during ?? 'ready';
  }

  /** Runs now, or once more after the run under way; resolves when that has ended, whatever came of it. */
  run(): Promise<void> {
    if (!this.isDue) return Promise.resolve();
    if (this.current !== undefined) return (this.next ??= this.current.then(() => ((this.next = undefined), this.run())));
    this.current = this.once().finally(() => (this.current = undefined));
    return this.current;
  }

  /** No run begins any more, but for a last one where that is asked for; resolves when none is under way. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    if (this.options.lastRun === true) await this.run();
    this.isStopped = true;
    await this.current;
  }

  private get isDue(): boolean {
    return !this.isStopped && (this.during === 'always' || this.ports.isReady());
  }

  private async once(): Promise<void> {
    try {
      const work = this.work();
      if (work !== undefined) await inTime(work, this.options.hungAfterMs ?? HUNG_AFTER_MS);
      this.ports.ran(this.name, 'done');
    } catch (error) {
      this.ports.ran(this.name, 'failed');
      this.warn(error);
    }
  }

  /** Outages last; a line a minute is enough. */
  private warn(error: unknown): void {
    const now = performance.now();
    if (now - this.warnedAtMs < WARN_EVERY_MS && asAppError(error)) return;
    this.warnedAtMs = now;
    this.log.warn({ err: error, work: this.name }, 'Recurring work failed; it is tried again');
  }
}
