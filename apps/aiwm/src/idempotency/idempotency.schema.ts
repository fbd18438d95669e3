import { Schema } from 'mongoose';

/**
 * `<id>`: who used the key for what; lives 24 h. `<id>:answer`: the first answer; lives as long, or 10 minutes when it
 * holds a secret. Two documents, so that the database itself drops the secret.
 */
export interface IdempotencyDocument {
  readonly _id: string;
  readonly fingerprint?: string;
  /** `running`: claimed; `done`: its change is committed. */
  readonly state?: 'running' | 'done';
  readonly holder?: string;
  /** A claim of a process that died may be taken over then. */
  readonly claimedUntil?: Date;
  /** Encrypted JSON text. */
  readonly answer?: string;
  readonly expiresAt: Date;
}

export const IDEMPOTENCY_KEYS = 'idempotency_keys';
export const idempotencySchema = new Schema<IdempotencyDocument>({ _id: String }, { collection: IDEMPOTENCY_KEYS, strict: false, versionKey: false })
  .index({ expiresAt: 1 }, { expireAfterSeconds: 0 });
