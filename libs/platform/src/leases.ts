import type { Connection } from 'mongoose';
import { isDuplicateKey } from './failures/mongo-errors';
import { collection } from './mongo/collection';
import type { Lifecycle } from './lifecycle';
import type { Replica } from './replica';

interface LeaseDocument {
  _id: string;
  holder: string;
  until: Date;
}

const FIRST_RUN_MS = 60_000;

/** Recurring work that one replica at a time does, by a named lease in MongoDB judged by the database's clock. */
export class Leases {
  private readonly firstRuns = new Set<NodeJS.Timeout>();

  constructor(
    private readonly connection: Connection,
    private readonly replica: Replica,
    private readonly lifecycle: Lifecycle,
  ) {}

  /**
   * Runs `work` every `periodMs` on the replica that holds the lease, for the first time after a minute at most: replicas
   * that are restarted often would never do what is due by the hour. The lease lives `leaseMs` and is renewed by each
   * run; a run must be shorter than that. An error is logged and the next run tries again.
   */
  every(name: string, options: { periodMs: number; leaseMs: number }, work: () => Promise<void>): void {
    const run = async () => {
      if (await this.acquire(name, options.leaseMs)) await work();
    };
    const recurring = this.lifecycle.every(name, options.periodMs, run, { hungAfterMs: options.leaseMs });
    if (options.periodMs > FIRST_RUN_MS) this.firstRuns.add(setTimeout(() => void recurring.run(), FIRST_RUN_MS).unref());
  }

  /** Gives the leases back, so that another replica goes on at once. */
  async stop(): Promise<void> {
    for (const timer of this.firstRuns) clearTimeout(timer);
    try {
      await this.leases().updateMany({ holder: this.replica.id }, { $set: { until: new Date(0) } });
    } catch {
      // MongoDB is away or closed already: the leases end by themselves
    }
  }

  private leases() {
    return collection<LeaseDocument>(this.connection, 'leases');
  }

  private async acquire(name: string, leaseMs: number): Promise<boolean> {
    try {
      const me = this.replica.id;
      const isFree = { $or: [{ $eq: ['$holder', me] }, { $lt: ['$until', '$$NOW'] }, { $eq: [{ $type: '$holder' }, 'missing'] }] };
      // an upsert's filter may not look at $$NOW, so the condition stands in the update
      const lease = await this.leases().findOneAndUpdate(
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
