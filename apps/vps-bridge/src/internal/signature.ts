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
 * The claims of a genuine header for this request, else null. The body's hash is left to whoever has read the body.
 * @param keyOf throws for a key that is not known.
 */
export function verifyInternal(
  header: string,
  request: { readonly method: string; readonly path: string },
  keyOf: (kid: string) => Buffer,
  nowMs: number,
): InternalClaims | null {
  const [first = '', signature = '', ...rest] = header.split('.');
  const claims = rest.length === 0 ? parseClaims(first) : null;
  if (claims === null) return null;
  try {
    const given = Buffer.from(signature, 'base64url');
    const expected = hmac(first, keyOf(claims.kid));
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return null;
  } catch {
    return null;
  }
  const restMs = Date.parse(claims.expiresAt) - nowMs;
  const isLive = restMs > 0 && restMs <= MAX_LIFE_MS + SKEW_MS;
  return isLive && claims.method === request.method && claims.path === request.path ? claims : null;
}

function hmac(first: string, key: Buffer): Buffer {
  return createHmac('sha256', key).update(first).digest();
}

function parseClaims(first: string): InternalClaims | null {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(first, 'base64url').toString('utf8'));
  } catch {
    return null;
  }
  if (!isJsonObject(value) || !isJsonObject(value['caller'])) return null;
  const text = (field: unknown) => (typeof field === 'string' ? field : null);
  const { kid, orgId, from, method, path, expiresAt, bodySha256 } = value;
  const { kind, id, name } = value['caller'];
  const texts = [kid, orgId, from, method, path, expiresAt, kind, id, name].map(text);
  if (texts.some((one) => one === null)) return null;
  const [kidText = '', orgText = '', fromText = '', methodText = '', pathText = '', expiresText = '', kindText = '', idText = '', nameText = ''] = texts.map((one) => one ?? '');
  const hash = text(bodySha256);
  return {
    kid: kidText,
    orgId: orgText,
    caller: { kind: kindText, id: idText, name: nameText },
    from: fromText,
    method: methodText,
    path: pathText,
    expiresAt: expiresText,
    ...(hash === null ? {} : { bodySha256: hash }),
  };
}
