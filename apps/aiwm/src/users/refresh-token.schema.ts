import { Schema } from 'mongoose';

export interface RefreshTokenDocument {
  /** SHA-256 of the token, hex. */
  readonly _id: string;
  readonly familyId: string;
  readonly userId: string;
  readonly tokenVersion: number;
  readonly expiresAt: Date;
  readonly usedAt: Date | null;
  /** Rises with every use, so that a use and a logout at the same time cannot both go unseen. */
  readonly uses?: number;
  readonly revokedAt: Date | null;
}
export const REFRESH_TOKENS = 'refresh_tokens';
export const refreshTokenSchema = new Schema<RefreshTokenDocument>({ _id: String }, { collection: REFRESH_TOKENS, strict: false, versionKey: false })
  .index({ expiresAt: 1 }, { expireAfterSeconds: 0 })
  .index({ familyId: 1 })
  .index({ userId: 1 });
