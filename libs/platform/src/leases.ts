import type { Connection } from 'mongoose';
import { isDuplicateKey } from './mongo/mongo-errors';
import { collection } from './mongo/collection';
import type { Lifecycle } from './lifecycle';
import type { Log } from './observe/log';
import type { Replica } from './replica';

interface LeaseDocument {
  _id: string;
  holder: string;
  until: Date;
}

const FIRST_RUN_MS = 60_000;

/** Recurring work that one replica at a time does, by a named lease in MongoDB judged by the database's clock. */
export class Leases {
  private readonly timers = new Set<NodeJS.Timeout>();
  private stopped = false;

  constructor(
    private readonly connection: Connection,
    private readonly replica: Replica,
    private readonly lifecycle: Lifecycle,
    private readonly log: Log,
  ) {}

  /**
   * Runs `work` every `periodMs` on the replica that holds the lease, for the first time after a minute at most: replicas
   * that are restarted often would never do what is due by the hour. The lease lives `leaseMs` and is renewed by each
   * run; a run must be shorter than that. An error is logged and the next run tries again.
   */
  every(name: string, options: { periodMs: number; leaseMs: number }, work: () => Promise<void>): void {
    let running = false;
    const run = () => {
      if (running || this.lifecycle.state !== 'ready') return;
      running = true;
      this.runOnce(name, options.leaseMs, work)
        .catch((error: unknown) => this.log.warn({ err: error, lease: name }, 'Recurring work failed; it is tried again'))
        .finally(() => (running = false));
    };
    const first = setTimeout(() => {
      this.timers.delete(first);
      if (this.stopped) return;
      run();
      this.timers.add(setInterval(run, options.periodMs).unref());
    }, Math.min(options.periodMs, FIRST_RUN_MS)).unref();
    this.timers.add(first);
  }

  /** Stops all work and gives the leases back, so that another replica goes on at once. */
  async stop(): Promise<void> {
    this.stopped = true;
    for (const timer of this.timers) clearTimeout(timer);
    try {
      await this.collection().updateMany({ holder: this.replica.id }, { $set: { until: new Date(0) } });
    } catch {
      // MongoDB is away or closed already: the leases end by themselves
    }
  }

  private collection() {
    return collection<LeaseDocument>(this.connection, 'leases');
  }

  private async runOnce(name: string, leaseMs: number, work: () => Promise<void>): Promise<void> {
    if (await this.acquire(name, leaseMs)) await work();
  }

  private async acquire(name: string, leaseMs: number): Promise<boolean> {
    try {
      const me = this.replica.id;
      const isFree = { $or: [{ $eq: ['$holder', me] }, { $lt: ['$until', '$$NOW'] }, { $eq: [{ $type: '$holder' }, 'missing'] }] };
      // an upsert's filter may not look at $$NOW, so the condition stands in the update
      const lease = await this.collection().findOneAndUpdate(
        { _id: name },
        [
          { $set: { holder: { $cond: [isFree, me, '$holder'] } } },
          { $set: { until: { $cond: [{ $eq: ['$holder', me] }, { $add: ['$$NOW', leaseMs] }, '$until'] } } },
        ],
        { upsert: true, returnDocument: 'after' },
      );
      return lease?.holder === this.replica.id;
    } catch (error) {
      if (isDuplicateKey(error)) return false; // somebody else was first to make it
      throw error;
    }
  }
}
