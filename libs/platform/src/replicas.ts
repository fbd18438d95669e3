import type { Connection } from 'mongoose';
import type { Lifecycle } from './lifecycle';
import { collection } from './mongo/collection';
import type { RecurringWork } from './recurring-work';
import type { Replica } from './replica';

const ANNOUNCE_EVERY_MS = 2000;
const GONE_AFTER_MS = 6000;
const FORGOTTEN_AFTER_MS = 86_400_000;
/** No replica of an app alive for longer than this is an outage that presence has to know of. */
const OUTAGE_MS = 15_000;
const KEPT_OUTAGES = 100;

interface ReplicaDocument {
  readonly _id: string;
  readonly app: string;
  readonly internal_url: string;
  readonly seen_at: Date;
  /** Since the announcement before. */
  readonly gap_ms: number;
}

/** One for each app. */
interface OutagesDocument {
  readonly _id: string;
  readonly alive_at: Date;
  readonly outages: readonly Outage[];
}

/** A time in which no replica of an app was alive. */
export interface Outage {
  readonly from: Date;
  readonly to: Date;
}

export interface LiveReplica {
  readonly id: string;
  /** Where other replicas reach it, without a trailing slash. */
  readonly internalUrl: string;
}

/**
 * Which replicas live: a fact in MongoDB, by its clock, that needs no Redis (`Bus.replicas` is the quick copy for requests over
 * the bus). Each replica says so every 2 s and counts as gone after 6 s; an app's first sign of life after more than 15 s without
 * any records an outage.
 */
export class Replicas {
  private readonly returnListeners: (() => void)[] = [];
  private announcing: RecurringWork | undefined;

  constructor(
    private readonly connection: Connection,
    private readonly replica: Replica,
    lifecycle: Lifecycle,
  ) {
    lifecycle.beforeReady('announce this replica', async () => {
      await this.announce();
      await this.documents().deleteMany({ $expr: { $lt: ['$seen_at', { $subtract: ['$$NOW', FORGOTTEN_AFTER_MS] }] } });
      this.announcing = lifecycle.every('announce this replica', ANNOUNCE_EVERY_MS, () => this.announce(), { during: 'always', hungAfterMs: ANNOUNCE_EVERY_MS });
    });
  }

  /** Replicas of an app that are alive. */
  async alive(app = this.replica.app): Promise<readonly LiveReplica[]> {
    const found = await this.documents().find({ app, $expr: { $gt: ['$seen_at', { $subtract: ['$$NOW', GONE_AFTER_MS] }] } }).toArray();
    return found.map(({ _id, internal_url }) => ({ id: _id, internalUrl: internal_url }));
  }

  /** Told when this replica comes back after the others had to take it for gone (paused, or cut off from MongoDB). */
  onReturn(listener: () => void): void {
    this.returnListeners.push(listener);
  }

  /** Times in which no replica of this app was alive, oldest first, the last hundred. */
  async outages(): Promise<readonly Outage[]> {
    return (await this.apps().findOne({ _id: this.replica.app }))?.outages ?? [];
  }

  /** This replica is going; nobody has to wait 6 s for it. */
  async leave(): Promise<void> {
    await this.announcing?.stop();
    try {
      await this.documents().deleteOne({ _id: this.replica.id });
    } catch {
      // MongoDB is away or closed already: it ends by itself
    }
  }

  private async announce(): Promise<void> {
    const { id, app, internalUrl } = this.replica;
    const own = { app: { $literal: app }, internal_url: { $literal: internalUrl }, gap_ms: { $subtract: ['$$NOW', { $ifNull: ['$seen_at', '$$NOW'] }] }, seen_at: '$$NOW' };
    const announced = await this.documents().findOneAndUpdate({ _id: id }, [{ $set: own }], { upsert: true, returnDocument: 'after', projection: { gap_ms: 1 } });
    await this.recordOutage(app);
    if (Number(announced?.gap_ms ?? 0) > GONE_AFTER_MS) for (const listener of this.returnListeners) listener();
  }

  private async recordOutage(app: string): Promise<void> {
    const outages = { $ifNull: ['$outages', []] };
    const isOver = { $gt: [{ $subtract: ['$$NOW', { $ifNull: ['$alive_at', '$$NOW'] }] }, OUTAGE_MS] };
    const withThis = { $slice: [{ $concatArrays: [outages, [{ from: '$alive_at', to: '$$NOW' }]] }, -KEPT_OUTAGES] };
    await this.apps().updateOne({ _id: app }, [{ $set: { outages: { $cond: [isOver, withThis, outages] }, alive_at: '$$NOW' } }], { upsert: true });
  }

  private documents() {
    return collection<ReplicaDocument>(this.connection, 'replicas');
  }

  private apps() {
    return collection<OutagesDocument>(this.connection, 'app_outages');
  }
}
