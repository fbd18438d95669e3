import { collection, MAJORITY, withPlainErrors, type Transaction } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { InjectConnection } from '@nestjs/mongoose';
import type { Connection } from 'mongoose';
import { writeAhead } from '../events/fenced-log.repository';
import { MESSAGE_COLLECTION, type MessageDocument } from './message.schema';

/** What the model sees of a session: its messages, over all runs. */
@Injectable()
export class TranscriptRepository {
  constructor(@InjectConnection() private readonly connection: Connection) {}

  /** With the runs whose first messages they are. */
  async insert(messages: readonly MessageDocument[], { session }: Transaction): Promise<void> {
    await withPlainErrors(this.messages().insertMany([...messages], { session }));
  }

  /** Of runs that say afterwards how far their messages reach. */
  async write(messages: readonly MessageDocument[]): Promise<void> {
    await writeAhead(this.messages(), messages, ({ session_key, index }) => ({ session_key, index }));
  }

  /** Removes what an executor left behind the last message that counts. */
  async removeLeft(sessionKey: string, end: number, epoch: number): Promise<void> {
    await this.messages().deleteMany({ session_key: sessionKey, index: { $gte: end }, epoch: { $lte: epoch } });
  }

  /** Those before `end` (a run's `next_message_index`; what lies behind it does not count), oldest first. */
  find(sessionKey: string, end: number): Promise<MessageDocument[]> {
    return this.messages().find({ session_key: sessionKey, index: { $lt: end } }, { projection: { _id: 0 }, ...MAJORITY }).sort({ index: 1 }).toArray();
  }

  /** A part of them, from an index on. */
  page(sessionKey: string, fromIndex: number, end: number, limit: number): Promise<MessageDocument[]> {
    const filter = { session_key: sessionKey, index: { $gte: fromIndex, $lt: end } };
    return this.messages().find(filter, { projection: { _id: 0 }, ...MAJORITY }).sort({ index: 1 }).limit(limit).toArray();
  }

  async remove(sessionKey: string): Promise<void> {
    await this.messages().deleteMany({ session_key: sessionKey });
  }

  private messages() {
    return collection<MessageDocument>(this.connection, MESSAGE_COLLECTION);
  }
}
