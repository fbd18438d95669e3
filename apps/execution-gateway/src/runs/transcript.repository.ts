import { collection, type Transaction } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { InjectConnection } from '@nestjs/mongoose';
import type { Connection } from 'mongoose';
import { MESSAGE_COLLECTION, type MessageDocument } from './message.schema';

/** What the model sees of a session: its messages, over all runs. */
@Injectable()
export class TranscriptRepository {
  constructor(@InjectConnection() private readonly connection: Connection) {}

  async insert(messages: readonly MessageDocument[], { session }: Transaction): Promise<void> {
    if (messages.length > 0) await this.messages().insertMany([...messages], { session });
  }

  /** Whole, oldest first. */
  find(sessionKey: string): Promise<MessageDocument[]> {
    return this.messages().find({ session_key: sessionKey }, { projection: { _id: 0 } }).sort({ index: 1 }).toArray();
  }

  /** A part, from an index on. */
  page(sessionKey: string, fromIndex: number, limit: number): Promise<MessageDocument[]> {
    const filter = { session_key: sessionKey, index: { $gte: fromIndex } };
    return this.messages().find(filter, { projection: { _id: 0 }, readConcern: { level: 'majority' } }).sort({ index: 1 }).limit(limit).toArray();
  }

  async remove(sessionKey: string): Promise<void> {
    await this.messages().deleteMany({ session_key: sessionKey });
  }

  private messages() {
    return collection<MessageDocument>(this.connection, MESSAGE_COLLECTION);
  }
}
