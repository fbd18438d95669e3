import { createHash } from 'node:crypto';
import { canonicalJson, type JsonValue } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';

const PRINTABLE = /^[\x20-\x7e]{1,255}$/;

/** 1 to 255 printable ASCII characters. */
export const IDEMPOTENCY_KEY_RULE = { says: 'must be 1 to 255 printable ASCII characters', accepts: (value: string) => PRINTABLE.test(value) };

/**
 * What a request asks for, as 64 hex digits. Two requests with the same key are the same request exactly when their fingerprints
 * are equal; the order of an object's members does not matter, since serialisers change it.
 */
export function fingerprintOf(...parts: readonly JsonValue[]): string {
  return createHash('sha256').update(canonicalJson(parts)).digest('hex');
}

/** @throws AppError `idempotency_mismatch` when the key was used for another request */
export function requireSameRequest(stored: string, given: string): void {
  if (stored !== given) throw new AppError('idempotency_mismatch');
}
