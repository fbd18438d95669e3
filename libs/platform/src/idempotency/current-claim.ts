import { AsyncLocalStorage } from 'node:async_hooks';
import type { Transaction } from '../mongo/transactions';

/** The claim of an `Idempotency-Key` that the present request works under. */
export interface Claim {
  /** Writes into the transaction that the work is done, and the answer. @throws when another request took the key over */
  mark(transaction: Transaction, answer: object): Promise<void>;
}

const claims = new AsyncLocalStorage<Claim>();

export function runUnderClaim<T>(claim: Claim, work: () => Promise<T>): Promise<T> {
  return claims.run(claim, work);
}

/**
 * Called in the transaction of a change: with a key, the answer is committed together with what was done, so that a retry after a
 * crash between commit and answer gets the first answer. Without a key it does nothing.
 */
export async function markIdempotentWork(transaction: Transaction, answer: object): Promise<void> {
  await claims.getStore()?.mark(transaction, answer);
}
