import { createHmac, timingSafeEqual } from 'node:crypto';
import { isJsonObject } from '@agentfleet/contracts';

/** What a replica says of a request to another one (contract cluster-agent, "Internal relay"). */
export interface InternalClaims {
  readonly kid: string;
  readonly orgId: string;
  readonly caller: { readonly kind: string; readonly id: string; readonly name: string };
  readonly from: string;
  readonly method: string;
  /** As sent, with its query. */
  readonly path: string;
  readonly bodySha256?: string;
  /** RFC 3339; at most 30 s ahead. */
  readonly expiresAt: string;
}

export const INTERNAL_HEADER = 'x-agentfleet-internal';
export const INTERNAL_KEY_INFO = 'agentfleet/internal';
const MAX_LIFE_MS = 30_000;
/** Clocks of replicas differ a little. */
const SKEW_MS = 5000;

export function signInternal(claims: InternalClaims, key: Buffer): string {
  const first = Buffer.from(JSON.stringify(claims)).toString('base64url');
  return `${first}.${hmac(first, key).toString('base64url')}`;
}

/**
 * The claims of a genuine header for this request, else undefined. The body's hash is left to whoever has read the body.
 * @param keyOf throws for a key that is not known.
 */
export function verifyInternal(
  header: string,
  request: { readonly method: string; readonly path: string },
  keyOf: (kid: string) => Buffer,
  nowMs: number,
): InternalClaims | undefined {
  const [first = '', signature = '', ...rest] = header.split('.');
  const claims = rest.length === 0 ? parseClaims(first) : undefined;
  if (claims === undefined) return undefined;
  try {
    const given = Buffer.from(signature, 'base64url');
    const expected = hmac(first, keyOf(claims.kid));
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
  } catch {
    return undefined;
  }
  const restMs = Date.parse(claims.expiresAt) - nowMs;
  const isLive = restMs > 0 && restMs <= MAX_LIFE_MS + SKEW_MS;
  return isLive && claims.method === request.method && claims.path === request.path ? claims : undefined;
}

function hmac(first: string, key: Buffer): Buffer {
  return createHmac('sha256', key).update(first).digest();
}

const TEXTS = ['kid', 'orgId', 'from', 'method', 'path', 'expiresAt'] as const;
const CALLER_TEXTS = ['kind', 'id', 'name'] as const;

function parseClaims(first: string): InternalClaims | undefined {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(first, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
  return isClaims(value) ? value : undefined;
}

function isClaims(value: unknown): value is InternalClaims {
  if (!isJsonObject(value)) return false;
  const { caller, bodySha256 } = value;
  const isText = (field: unknown) => typeof field === 'string';
  if (!isJsonObject(caller) || !TEXTS.every((name) => isText(value[name])) || !CALLER_TEXTS.every((name) => isText(caller[name]))) return false;
  return bodySha256 === undefined || isText(bodySha256);
}
