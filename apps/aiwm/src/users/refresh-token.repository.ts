import { collection, type Transaction } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { InjectConnection } from '@nestjs/mongoose';
import type { Connection } from 'mongoose';
import { REFRESH_TOKENS, type RefreshTokenDocument } from './refresh-token.schema';

const sessionOf = (transaction: Transaction | undefined) => (transaction ? { session: transaction.session } : {});

/** Users' sessions: the tokens of one login are a family. */
@Injectable()
export class RefreshTokenRepository {
  constructor(@InjectConnection() private readonly connection: Connection) {}

  async insert(token: RefreshTokenDocument, transaction?: Transaction): Promise<void> {
    await this.tokens.insertOne(token, sessionOf(transaction));
  }

  async find(hash: string, transaction: Transaction): Promise<RefreshTokenDocument | undefined> {
    return (await this.tokens.findOne({ _id: hash }, sessionOf(transaction))) ?? undefined;
  }

  /** Marks a refresh token as used, returns it as it was before. Its use always changes it: a revocation at the same time is seen. */
  async use(hash: string, now: Date, transaction: Transaction): Promise<RefreshTokenDocument | undefined> {
    const found = await this.tokens.findOneAndUpdate(
      { _id: hash },
      [{ $set: { usedAt: { $ifNull: ['$usedAt', now] }, uses: { $add: [{ $ifNull: ['$uses', 0] }, 1] } } }],
      { returnDocument: 'before', ...sessionOf(transaction) },
    );
    return found ?? undefined;
  }

  async revokeFamily(familyId: string, now: Date, transaction: Transaction): Promise<void> {
    await this.tokens.updateMany({ familyId, revokedAt: null }, { $set: { revokedAt: now } }, sessionOf(transaction));
  }

  async revokeAllOf(userId: string, now: Date, transaction: Transaction): Promise<void> {
    await this.tokens.updateMany({ userId, revokedAt: null }, { $set: { revokedAt: now } }, sessionOf(transaction));
  }

  private get tokens() {
    return collection<RefreshTokenDocument>(this.connection, REFRESH_TOKENS);
  }
}
