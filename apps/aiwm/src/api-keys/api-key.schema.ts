import type { ApiKeyLimits } from '@agentfleet/contracts';
import { Schema, type Types } from 'mongoose';

export interface ApiKeyDocument {
  readonly _id: Types.ObjectId;
  readonly orgId: string;
  readonly name: string;
  readonly hash: string;
  readonly prefix: string;
  readonly previousHash: string | null;
  readonly previousValidUntil: Date | null;
  readonly scopes: readonly string[];
  readonly limits: ApiKeyLimits;
  readonly expiresAt: Date | null;
  readonly revokedAt: Date | null;
  readonly lastUsedAt: Date | null;
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}
export const API_KEYS = 'api_keys';
export const apiKeySchema = new Schema<ApiKeyDocument>({ hash: String }, { collection: API_KEYS, strict: false, versionKey: false })
  .index({ hash: 1 }, { unique: true })
  .index({ previousHash: 1 }, { sparse: true })
  .index({ orgId: 1, revokedAt: 1, createdAt: -1 });
