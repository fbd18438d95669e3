import type { Transaction } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { InjectModel } from '@nestjs/mongoose';
import type { Model } from 'mongoose';
import { REFRESH_TOKENS, type RefreshTokenDocument } from './refresh-token.schema';

const sessionOf = (transaction: Transaction | undefined) => (transaction ? { session: transaction.session } : {});

/** Users' sessions: the tokens of one login are a family. */
@Injectable()
export class RefreshTokenRepository {
  constructor(@InjectModel(REFRESH_TOKENS) private readonly tokens: Model<RefreshTokenDocument>) {}

  async insert(token: RefreshTokenDocument, transaction?: Transaction): Promise<void> {
    await this.tokens.collection.insertOne(token as never, sessionOf(transaction)); // its _id is the hash, no ObjectId
  }

  async find(hash: string, transaction: Transaction): Promise<RefreshTokenDocument | undefined> {
    const found = await this.tokens.collection.findOne({ _id: hash as never }, sessionOf(transaction));
    return (found as RefreshTokenDocument | null) ?? undefined; // the collection holds nothing else
  }

  /** Marks a refresh token as used, returns it as it was before. Its use always changes it: a revocation at the same time is seen. */
  async use(hash: string, now: Date, transaction: Transaction): Promise<RefreshTokenDocument | undefined> {
    const found = await this.tokens.collection.findOneAndUpdate(
      { _id: hash as never },
      [{ $set: { usedAt: { $ifNull: ['$usedAt', now] }, uses: { $add: [{ $ifNull: ['$uses', 0] }, 1] } } }],
      { returnDocument: 'before', ...sessionOf(transaction) },
    );
    return (found as RefreshTokenDocument | null) ?? undefined; // the collection holds nothing else
  }

  async revokeFamily(familyId: string, now: Date, transaction: Transaction): Promise<void> {
    await this.tokens.collection.updateMany({ familyId, revokedAt: null }, { $set: { revokedAt: now } }, sessionOf(transaction));
  }

  async revokeAllOf(userId: string, now: Date, transaction: Transaction): Promise<void> {
    await this.tokens.collection.updateMany({ userId, revokedAt: null }, { $set: { revokedAt: now } }, sessionOf(transaction));
  }
}
