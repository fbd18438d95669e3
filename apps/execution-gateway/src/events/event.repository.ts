import { collection, type Transaction } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { InjectConnection } from '@nestjs/mongoose';
import type { Connection } from 'mongoose';
import { EVENT_COLLECTION, type EventDocument } from './event.schema';

export interface StoredFrame {
  readonly seq: number;
  readonly frame: string;
  readonly type: string;
}

/** The log. Majority: an event that was shown must not un-happen with a lost election. */
@Injectable()
export class EventRepository {
  constructor(@InjectConnection() private readonly connection: Connection) {}

  /** Events after a position, oldest first. */
  async after(sessionKey: string, seq: number, options: { limit: number; runId?: string }): Promise<StoredFrame[]> {
    const filter = { session_key: sessionKey, seq: { $gt: seq }, ...(options.runId === undefined ? {} : { run_id: options.runId }) };
    const found = this.events().find(filter, { projection: { _id: 0, seq: 1, frame: 1, type: 1 }, readConcern: { level: 'majority' } });
    return (await found.sort({ seq: 1 }).limit(options.limit).toArray()).map(({ seq: at, frame, type }) => ({ seq: at, frame, type }));
  }

  async insert(events: readonly EventDocument[], { session }: Transaction): Promise<void> {
    if (events.length > 0) await this.events().insertMany([...events], { session });
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
