import { collection, type Transaction } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { InjectConnection } from '@nestjs/mongoose';
import { Types, type Connection } from 'mongoose';
import type { RemovedSessionDocument } from './session.schema';

/** Internal keys of sessions that are gone, whose messages are still to be removed; so a crash leaves none behind. */
@Injectable()
export class RemovedSessionRepository {
  constructor(@InjectConnection() private readonly connection: Connection) {}

  private get collection() {
    return collection<RemovedSessionDocument>(this.connection, 'vps_removed_sessions');
  }

  async add(tx: Transaction, keys: readonly string[], dueAt: Date, lastDueAt: Date): Promise<void> {
    if (keys.length === 0) return;
    await this.collection.insertMany(keys.map((key) => ({ _id: new Types.ObjectId(key), dueAt, lastDueAt })), { session: tx.session });
  }

  /** Messages that are being written under a key that no session has yet. */
  async announce(key: string, dueAt: Date): Promise<void> {
    await this.collection.insertOne({ _id: new Types.ObjectId(key), dueAt });
  }

  /** The key has a session now. */
  async withdraw(tx: Transaction, key: string): Promise<void> {
    await this.collection.deleteOne({ _id: new Types.ObjectId(key) }, { session: tx.session });
  }

  async listDue(now: Date, limit: number): Promise<readonly string[]> {
    const documents = await this.collection.find({ dueAt: { $lte: now } }).limit(limit).toArray();
    return documents.map(({ _id }) => _id.toHexString());
  }

  /** Their messages are removed: those that may still get some are due once more. */
  async done(keys: readonly string[]): Promise<void> {
    if (keys.length === 0) return;
    const these = { _id: { $in: keys.map((key) => new Types.ObjectId(key)) } };
    await this.collection.deleteMany({ ...these, $expr: { $gte: ['$dueAt', { $ifNull: ['$lastDueAt', '$dueAt'] }] } });
    await this.collection.updateMany(these, [{ $set: { dueAt: '$lastDueAt' } }]);
  }
}
