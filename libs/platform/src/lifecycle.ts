import type { Counter } from 'prom-client';
import type { Log } from './observe/log';
import type { Metrics } from './observe/metrics';
import { RecurringWork, type RecurringOptions } from './recurring-work';

type Task = { readonly name: string; readonly run: () => Promise<void> | void };

/** Where a replica is in its life; readiness follows from it. */
export type LifecycleState = 'booting' | 'ready' | 'draining';

const RETRY_MS = 1000;
/** Last runs get so long, of the 2 s in which all closes. */
const LAST_RUNS_MS = 1000;

/** Tasks between "MongoDB is there" and "ready", and between SIGTERM and the closing of sockets and server. */
export class Lifecycle {
  state: LifecycleState = 'booting';
  private readonly readyTasks: Task[] = [];
  private readonly drainTasks: Task[] = [];
  private readonly waiters: (() => void)[] = [];
  private readonly recurring = new Set<RecurringWork>();
  private readonly runs: Counter<'work' | 'result'>;

  constructor(
    private readonly log: Log,
    metrics: Metrics,
  ) {
    this.runs = metrics.counter({ name: 'recurring_work_runs_total', help: 'Runs of recurring work', labelNames: ['work', 'result'] });
  }

  get draining(): boolean {
    return this.state === 'draining';
  }

  /** Runs once after MongoDB answered and its indexes exist, before the replica is ready; retried until it succeeds. */
  beforeReady(name: string, run: Task['run']): void {
    this.readyTasks.push({ name, run });
  }

  /** Runs at SIGTERM, before sockets and server close. All drain tasks together have 8 s. */
  onDrain(name: string, run: Task['run']): void {
    this.drainTasks.push({ name, run });
  }

  /**
   * Does `work` every `periodMs` on this replica, for the first time after one period. Runs never overlap, are counted, and an
   * error is logged and tried again. For work that one replica of all should do take `Leases.every`.
   */
  every(name: string, periodMs: number, work: Task['run'], options: RecurringOptions = {}): RecurringWork {
    const ports = { isReady: () => this.state === 'ready', ran: (ranWork: string, result: 'done' | 'failed') => this.runs.inc({ work: ranWork, result }) };
    const recurring = new RecurringWork(name, periodMs, options, work, ports, this.log);
    this.recurring.add(recurring);
    return recurring;
  }

  /** Ends all recurring work, with its last runs; sockets and server are closed, bus and database are not. */
  async close(): Promise<void> {
    await within(LAST_RUNS_MS, [...this.recurring].map((work) => work.stop()));
  }

  /** Resolves when the replica is ready. */
  whenReady(): Promise<void> {
    if (this.state === 'ready') return Promise.resolve();
    return new Promise((resolve) => this.waiters.push(resolve));
  }

  async becomeReady(): Promise<void> {
    for (const task of this.readyTasks) await this.runUntilDone(task);
    if (this.state !== 'booting') return;
    this.state = 'ready';
    for (const waiter of this.waiters.splice(0)) waiter();
  }

  async drain(limitMs: number): Promise<void> {
    this.state = 'draining';
    const recurring = [...this.recurring].filter(({ during }) => during === 'ready').map((work): Task => ({ name: work.name, run: () => work.stop() }));
    const all = [...recurring, ...this.drainTasks].map(async (task) => {
      try {
        await task.run();
      } catch (error) {
        this.log.warn({ err: error, task: task.name }, 'A task at shutdown failed');
      }
    });
    await within(limitMs, all);
  }

  private async runUntilDone(task: Task): Promise<void> {
    while (this.state === 'booting') {
      try {
        await task.run();
        return;
      } catch (error) {
        this.log.warn({ err: error, task: task.name }, 'A task at start failed and is tried again');
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }
}

/** Waits for all of it, but no longer than this. */
async function within(limitMs: number, work: readonly Promise<void>[]): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([Promise.allSettled(work), new Promise((resolve) => (timer = setTimeout(resolve, limitMs)))]);
  clearTimeout(timer);
}
