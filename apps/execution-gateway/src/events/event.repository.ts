import { collection, withPlainErrors, type Transaction } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { InjectConnection } from '@nestjs/mongoose';
import type { Connection } from 'mongoose';
import { EVENT_COLLECTION, type EventDocument } from './event.schema';
import { writeAhead } from './fenced-log.repository';

export interface StoredFrame {
  readonly seq: number;
  readonly frame: string;
  readonly type: string;
}

/** The log. Majority: an event that was shown must not un-happen with a lost election. */
@Injectable()
export class EventRepository {
  constructor(@InjectConnection() private readonly connection: Connection) {}

  /** Events after a position up to where the log is known to reach (a run's `last_seq`; what lies behind it does not count), oldest first. */
  async between(sessionKey: string, after: number, end: number, options: { limit: number; runId?: string }): Promise<StoredFrame[]> {
    const filter = { session_key: sessionKey, seq: { $gt: after, $lte: end }, ...(options.runId === undefined ? {} : { run_id: options.runId }) };
    const found = this.events().find(filter, { projection: { _id: 0, seq: 1, frame: 1, type: 1 }, readConcern: { level: 'majority' } });
    return (await found.sort({ seq: 1 }).limit(options.limit).toArray()).map(({ seq: at, frame, type }) => ({ seq: at, frame, type }));
  }

  /** With the run whose first events they are. */
  async insert(events: readonly EventDocument[], { session }: Transaction): Promise<void> {
    await withPlainErrors(this.events().insertMany([...events], { session }));
  }

  /** Of runs that say afterwards how far their log reaches. */
  async write(events: readonly EventDocument[]): Promise<void> {
    await writeAhead(this.events(), events, ({ session_key, seq }) => ({ session_key, seq }));
  }

  /** Removes what an executor left behind the last event that counts. */
  async removeLeft(sessionKey: string, end: number, epoch: number): Promise<void> {
    await this.events().deleteMany({ session_key: sessionKey, seq: { $gt: end }, epoch: { $lte: epoch } });
  }

  /** Removes some of a deleted session's events; true when there may be more. */
  async removeSome(sessionKey: string, limit: number): Promise<boolean> {
    const some = await this.events().find({ session_key: sessionKey }, { projection: { seq: 1 } }).sort({ seq: 1 }).limit(limit).toArray();
    const last = some.at(-1);
    if (last) await this.events().deleteMany({ session_key: sessionKey, seq: { $lte: last.seq } });
    return some.length === limit;
  }

  private events() {
    return collection<EventDocument>(this.connection, EVENT_COLLECTION);
  }
}
