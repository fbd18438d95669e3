import type { JsonValue } from '@agentfleet/contracts';
import { IDEMPOTENCY_KEY_RULE, fingerprintOf, validationFailed } from '@agentfleet/platform';

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

/** The key of a request, undefined when it has none. @throws AppError `validation_failed` */
export function readIdempotencyKey(header: string | undefined, route: 'call' | 'call/async' | 'call/stream', body: unknown): IdempotencyKey | undefined {
  if (header === undefined) return undefined;
  if (!IDEMPOTENCY_KEY_RULE.accepts(header)) throw validationFailed([{ field: 'Idempotency-Key', message: IDEMPOTENCY_KEY_RULE.says }]);
  return { key: header, hash: fingerprintOf(route, body as JsonValue) }; // as the JSON parser made it
}
