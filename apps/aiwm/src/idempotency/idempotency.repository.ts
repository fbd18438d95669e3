import { collection, isDuplicateKey, type Transaction } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { InjectConnection } from '@nestjs/mongoose';
import type { Connection } from 'mongoose';
import { IDEMPOTENCY_KEYS, type IdempotencyDocument } from './idempotency.schema';

const KEY_LIFE_MS = 24 * 3_600_000;
/**
 * After this long without an answer the claimant counts as dead. One that was only slow changes nothing any more: its change
 * is committed together with `done`, which finds the claim in other hands.
 */
const CLAIM_MS = 15_000;

export type ClaimResult = { readonly kind: 'claimed' } | { readonly kind: 'known'; readonly record: IdempotencyDocument; readonly answer: string | undefined };

@Injectable()
export class IdempotencyRepository {
  constructor(@InjectConnection() private readonly connection: Connection) {}

  /** Takes the key for this request, or tells who had it before. */
  async claim(id: string, fingerprint: string, holder: string): Promise<ClaimResult> {
    const now = Date.now();
    const claimedUntil = new Date(now + CLAIM_MS);
    const fresh: IdempotencyDocument = { _id: id, fingerprint, state: 'running', holder, claimedUntil, expiresAt: new Date(now + KEY_LIFE_MS) };
    try {
      await this.keys.insertOne(fresh);
      return { kind: 'claimed' };
    } catch (error) {
      if (!isDuplicateKey(error)) throw error;
    }
    // a key whose day is over but that the database has not dropped yet, or one that a dead process left behind
    const { _id, ...again } = fresh;
    const free = { $or: [{ expiresAt: { $lt: new Date(now) } }, { fingerprint, state: 'running' as const, claimedUntil: { $lt: new Date(now) } }] };
    const { matchedCount } = await this.keys.updateOne({ _id, ...free }, { $set: again });
    if (matchedCount === 1) {
      await this.keys.deleteOne({ _id: `${id}:answer` });
      return { kind: 'claimed' };
    }
    const record = await this.keys.findOne({ _id: id });
    if (!record) return this.claim(id, fingerprint, holder);
    const stored = await this.keys.findOne({ _id: `${id}:answer`, expiresAt: { $gt: new Date(now) } });
    return { kind: 'known', record, answer: stored?.answer };
  }

  /** The work is done and this is its answer. False when the claim is not this holder's any more. */
  async done(id: string, holder: string, answer: string, lifeMs: number, transaction: Transaction): Promise<boolean> {
    const { session } = transaction;
    const { matchedCount } = await this.keys.updateOne({ _id: id, holder }, { $set: { state: 'done' } }, { session });
    if (matchedCount === 0) return false;
    const _id = `${id}:answer`;
    await this.keys.replaceOne({ _id }, { answer, expiresAt: new Date(Date.now() + lifeMs) }, { upsert: true, session });
    return true;
  }

  /** Gives the key free again, unless the change was committed. */
  async release(id: string, holder: string): Promise<void> {
    await this.keys.deleteOne({ _id: id, holder, state: 'running' });
  }

  private get keys() {
    return collection<IdempotencyDocument>(this.connection, IDEMPOTENCY_KEYS);
  }
}
