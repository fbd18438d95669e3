import type { Message } from '@agentfleet/sessions';
import { collection, refusedOperations, withPlainErrors } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { InjectConnection } from '@nestjs/mongoose';
import { Types, type Connection, type mongo } from 'mongoose';
import type { MessageDocument } from './session.schema';

/** A message without its number. */
export type MessageContent = Omit<Message, 'seq'>;

/** A message at its place. `id` is given before the first try, so that a repeated insert is recognised. */
export interface PlacedMessage {
  readonly id: string;
  readonly sessionKey: string;
  readonly seq: number;
  readonly content: MessageContent;
}

const DUPLICATE_KEY = 11000;
const ID = (key: string) => new Types.ObjectId(key);

@Injectable()
export class MessageRepository {
  constructor(@InjectConnection() private readonly connection: Connection) {}

  private get collection() {
    return collection<MessageDocument>(this.connection, 'vps_messages');
  }

  newId(): string {
    return new Types.ObjectId().toHexString();
  }

  /**
   * Inserts messages of any sessions in one go.
   * @returns the indexes of those whose number another replica has used; all others are stored.
   */
  async insert(messages: readonly PlacedMessage[]): Promise<readonly number[]> {
    if (messages.length === 0) return [];
    try {
      await this.collection.insertMany(messages.map(toDocument), { ordered: false });
      return [];
    } catch (error) {
      return refusedIndexes(error);
    }
  }

  /** Puts other content into places that have some. */
  async rewrite(messages: readonly PlacedMessage[]): Promise<void> {
    if (messages.length === 0) return;
    const operations = messages.map((message): mongo.AnyBulkWriteOperation<MessageDocument> => {
      const { _id, ...fields } = toDocument(message);
      return { updateOne: { filter: { _id }, update: { $set: fields } } };
    });
    await withPlainErrors(this.collection.bulkWrite(operations, { ordered: false }));
  }

  /** The highest number of the session's messages, 0 without any. */
  async maxSeq(sessionKey: string): Promise<number> {
    const newest = await this.collection.findOne({ sessionKey: ID(sessionKey) }, { sort: { seq: -1 }, projection: { seq: 1 } });
    return newest?.seq ?? 0;
  }

  /** All messages, oldest first, or the newest `limit` of them, in batches of the driver's choice. */
  async *stream(sessionKey: string, limit?: number): AsyncGenerator<Message> {
    if (limit === 0) return; // to the driver 0 means all
    const first = limit === undefined ? 1 : (await this.maxSeq(sessionKey)) - limit + 1; // numbers have no gaps
    const found = this.collection.find({ sessionKey: ID(sessionKey), seq: { $gte: first } }).sort({ seq: 1 });
    for await (const document of limit === undefined ? found : found.limit(limit)) yield toMessage(document);
  }

  /** Messages with a number above `seq`, oldest first. */
  async after(sessionKey: string, seq: number, limit: number): Promise<readonly Message[]> {
    const documents = await this.collection.find({ sessionKey: ID(sessionKey), seq: { $gt: seq } }).sort({ seq: 1 }).limit(limit).toArray();
    return documents.map(toMessage);
  }

  /** Messages with a number below `seq`, newest first. */
  async before(sessionKey: string, seq: number, limit: number): Promise<readonly Message[]> {
    const documents = await this.collection.find({ sessionKey: ID(sessionKey), seq: { $lt: seq } }).sort({ seq: -1 }).limit(limit).toArray();
    return documents.map(toMessage);
  }

  /** Whether the prompt of a call is in the session; reads backwards, so it is quick for a call that began lately. */
  async hasPromptOf(sessionKey: string, callId: string): Promise<boolean> {
    const found = await this.collection.findOne({ sessionKey: ID(sessionKey), callId, role: 'user' }, { sort: { seq: -1 }, projection: { _id: 1 } });
    return found !== null;
  }

  async removeAll(sessionKeys: readonly string[]): Promise<void> {
    if (sessionKeys.length > 0) await this.collection.deleteMany({ sessionKey: { $in: sessionKeys.map(ID) } });
  }
}

function toDocument({ id, sessionKey, seq, content }: PlacedMessage): MessageDocument {
  return {
    _id: ID(id),
    sessionKey: ID(sessionKey),
    seq,
    role: content.role,
    content: content.content,
    agent: content.agent,
    callId: content.callId,
    timestamp: new Date(content.timestampMs),
    incomplete: content.incomplete,
  };
}

function toMessage(document: MessageDocument): Message {
  const { seq, role, content, agent, callId, timestamp, incomplete } = document;
  return { seq, timestampMs: timestamp.getTime(), role, content, agent, callId, incomplete };
}

/** A number that is used already is refused; an `_id` that is there is our own insert of a try whose answer did not arrive. */
function refusedIndexes(error: unknown): readonly number[] {
  const refused = refusedOperations(error);
  if (refused.some(({ code }) => code !== DUPLICATE_KEY)) throw error;
  return refused.filter(({ text }) => !text.includes('index: _id_')).map(({ index }) => index);
}
