import { randomUUID } from 'node:crypto';
import { AppError } from '@agentfleet/errors';
import type { Connection } from 'mongoose';
import type { FieldCipher } from '../identity/field-cipher';
import { collection } from '../mongo/collection';
import { isDuplicateKey } from '../failures/mongo-errors';
import type { Transaction } from '../mongo/transactions';
import type { Clock } from '../observe/clock';
import { runUnderClaim } from './current-claim';
import { IDEMPOTENCY_KEYS, type IdempotencyDocument } from './idempotency.schema';

const KEY_LIFE_MS = 24 * 3_600_000;
/**
 * After this long without an answer the claimant counts as dead. One that was only slow changes nothing any more: its change is
 * committed together with `done`, which finds the claim in other hands.
 */
const CLAIM_MS = 15_000;
const WAIT_MS = 10_000;
const POLL_MS = 50;
const CIPHER_CONTEXT = 'idempotency_keys.answer';

/** A request that a retry repeats. */
export interface KeyedRequest {
  /** Of the key with all that it belongs to: caller, organization. */
  readonly id: string;
  readonly fingerprint: string;
  /** How long its answer is kept. */
  readonly answerLifeMs: number;
}

export type Once = { readonly kind: 'done'; readonly answer: unknown } | { readonly kind: 'replayed'; readonly answer: unknown };

type Claimed = { readonly kind: 'claimed' } | { readonly kind: 'known'; readonly record: IdempotencyDocument; readonly answer: string | undefined };

/**
 * Carries a request out once, whatever is retried and whatever dies: the key is claimed, the change commits `done` and its answer
 * in its own transaction (`Changed.answer`, which must not be forgotten), and a retry gets that answer. Answers are kept encrypted.
 */
export class IdempotentRequests {
  constructor(
    private readonly connection: Connection,
    private readonly cipher: FieldCipher,
    private readonly clock: Clock,
  ) {}

  /** @throws AppError `idempotency_mismatch`; `conflict` while the first request runs, or when its answer is gone; what `work` throws */
  async once({ id, fingerprint, answerLifeMs }: KeyedRequest, work: () => Promise<unknown>): Promise<Once> {
    const holder = randomUUID();
    const deadline = this.clock.monotonicMs() + WAIT_MS;
    for (;;) {
      const claim = await this.claim(id, fingerprint, holder);
      if (claim.kind === 'claimed') return { kind: 'done', answer: await this.act(id, holder, answerLifeMs, work) };
      if (claim.record.fingerprint !== fingerprint) {
        throw new AppError('idempotency_mismatch', { message: 'This Idempotency-Key was used with another request; use a new key' });
      }
      if (claim.answer !== undefined) return { kind: 'replayed', answer: JSON.parse(this.cipher.decrypt(claim.answer, CIPHER_CONTEXT)) };
      const isDone = claim.record.state === 'done';
      if (isDone || this.clock.monotonicMs() > deadline) throw answerGone(isDone);
      await this.clock.sleep(POLL_MS);
    }
  }

  private async act(id: string, holder: string, answerLifeMs: number, work: () => Promise<unknown>): Promise<unknown> {
    let isMarked = false;
    const mark = async (transaction: Transaction, answer: object) => {
      const stored = this.cipher.encrypt(JSON.stringify(answer), CIPHER_CONTEXT);
      if (!(await this.done(id, holder, stored, answerLifeMs, transaction))) throw answerGone(false);
      isMarked = true;
    };
    try {
      const answer = await runUnderClaim({ mark }, work);
      if (!isMarked) throw new Error('What an @Idempotent() route does has no `Changed.answer`: a retry would do it again');
      return answer;
    } catch (error) {
      // free again, unless the change was committed
      await this.keys().deleteOne({ _id: id, holder, state: 'running' }).catch(() => undefined);
      throw error;
    }
  }

  /** Takes the key for this request, or says who had it before. */
  private async claim(id: string, fingerprint: string, holder: string): Promise<Claimed> {
    const nowMs = this.clock.now();
    const now = new Date(nowMs);
    const fresh = { $literal: { _id: id, fingerprint, state: 'running', holder, expiresAt: new Date(nowMs + KEY_LIFE_MS) } };
    // as pipelines: how long a claim lives is judged by the clock of the database
    const claimed = { $mergeObjects: [fresh, { claimedUntil: { $add: ['$$NOW', CLAIM_MS] } }] };
    try {
      const isNew = { $eq: [{ $type: '$state' }, 'missing'] };
      const { upsertedCount } = await this.keys().updateOne({ _id: id }, [{ $replaceWith: { $cond: [isNew, claimed, '$$ROOT'] } }], { upsert: true });
      if (upsertedCount === 1) return { kind: 'claimed' };
    } catch (error) {
      if (!isDuplicateKey(error)) throw error;
    }
    // a key whose day is over but that the database has not dropped yet, or one that a dead process left behind
    const isFree = { $or: [{ expiresAt: { $lt: now } }, { fingerprint, state: 'running' as const, $expr: { $lt: ['$claimedUntil', '$$NOW'] } }] };
    const { matchedCount } = await this.keys().updateOne({ _id: id, ...isFree }, [{ $replaceWith: claimed }]);
    if (matchedCount === 1) {
      await this.keys().deleteOne({ _id: `${id}:answer` });
      return { kind: 'claimed' };
    }
    const record = await this.keys().findOne({ _id: id });
    if (!record) return this.claim(id, fingerprint, holder);
    const stored = await this.keys().findOne({ _id: `${id}:answer`, expiresAt: { $gt: now } });
    return { kind: 'known', record, answer: stored?.answer };
  }

  /** The work is done and this is its answer. False when the claim is not this holder's any more. */
  private async done(id: string, holder: string, answer: string, lifeMs: number, { session }: Transaction): Promise<boolean> {
    const { matchedCount } = await this.keys().updateOne({ _id: id, holder }, { $set: { state: 'done' } }, { session });
    if (matchedCount === 0) return false;
    await this.keys().replaceOne({ _id: `${id}:answer` }, { answer, expiresAt: new Date(this.clock.now() + lifeMs) }, { upsert: true, session });
    return true;
  }

  private keys() {
    return collection<IdempotencyDocument>(this.connection, IDEMPOTENCY_KEYS);
  }
}

function answerGone(isDone: boolean): AppError {
  const message = isDone
    ? 'The first request with this Idempotency-Key was carried out, but its answer is not kept any more; read what it made'
    : 'The first request with this Idempotency-Key is still under way; try again later';
  return new AppError('conflict', { message });
}
