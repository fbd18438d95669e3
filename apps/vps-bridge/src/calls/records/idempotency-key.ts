import { createHash } from 'node:crypto';
import { validationFailed } from '@agentfleet/platform';
import { fieldOf } from '../../vps-client/answer-text';

/** A caller's key, with the fingerprint of route and body that it belongs to. */
export interface IdempotencyKey {
  readonly key: string;
  readonly hash: string;
}

/** For the API's document. Without an example: Swagger UI would fill it in, and it would be used up after the first try. */
export const IDEMPOTENCY_KEY_HEADER = {
  name: 'Idempotency-Key',
  required: false,
  description: 'Makes a repeated call act once: the same key with the same body gets the first result again, with another body 422. 1 to 255 printable ASCII characters, such as order-4711, kept for 24 h.',
};

export type KeyedRoute = 'call' | 'call/async' | 'call/stream';

const FORM = /^[\x20-\x7e]{1,255}$/;

/** The key of a request, undefined when it has none. @throws AppError `validation_failed` */
export function readIdempotencyKey(header: string | undefined, route: KeyedRoute, body: unknown): IdempotencyKey | undefined {
  if (header === undefined) return undefined;
  if (!FORM.test(header)) throw validationFailed([{ field: 'Idempotency-Key', message: 'must be 1 to 255 printable ASCII characters' }]);
  return { key: header, hash: createHash('sha256').update(route).update('\n').update(canonicalJson(body)).digest('hex') };
}

/** The same text for equal JSON, whatever the order of keys. Depth is limited by the body parser. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(ordered(value)) ?? 'null';
}

/** The same value with keys in one order. What is in order already is not copied: bodies of megabytes come here. */
function ordered(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    let copy: unknown[] | undefined;
    for (let index = 0; index < value.length; index++) {
      const before: unknown = value[index];
      const after = ordered(before);
      if (after !== before) (copy ??= [...(value as unknown[])])[index] = after; // isArray knows no element type
    }
    return copy ?? value;
  }
  const keys = Object.keys(value);
  if (keys.length === 0) return value;
  const sorted = [...keys].sort();
  const entries = sorted.map((key): [string, unknown] => [key, ordered(fieldOf(value, key))]);
  const isInOrder = entries.every(([key, child], index) => key === keys[index] && child === fieldOf(value, key));
  return isInOrder ? value : Object.fromEntries(entries);
}
