import { createHash } from 'node:crypto';
import { validationFailed } from '@agentfleet/platform';

/** A caller's key, with the fingerprint of route and body that it belongs to. */
export interface IdempotencyKey {
  readonly key: string;
  readonly hash: string;
}

export type KeyedRoute = 'call' | 'call/async' | 'call/stream';

const FORM = /^[\x20-\x7e]{1,255}$/;

/** The key of a request, null when it has none. @throws AppError `validation_failed` */
export function readIdempotencyKey(header: string | undefined, route: KeyedRoute, body: unknown): IdempotencyKey | null {
  if (header === undefined) return null;
  if (!FORM.test(header)) throw validationFailed([{ field: 'Idempotency-Key', message: 'must be 1 to 255 printable ASCII characters' }]);
  return { key: header, hash: createHash('sha256').update(route).update('\n').update(canonicalJson(body)).digest('hex') };
}

/** The same text for equal JSON, whatever the order of keys. Depth is limited by the body parser. */
export function canonicalJson(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, child]) => `${JSON.stringify(key)}:${canonicalJson(child)}`).join(',')}}`;
}
