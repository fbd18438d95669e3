import { createHash } from 'node:crypto';
import type { AgentTokenClaims, UserTokenClaims } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import { JwtService } from '@nestjs/jwt';
import { LRUCache } from 'lru-cache';
import type { IdentityStore } from './identity-store';

export type VerifiedToken = { readonly kind: 'user'; readonly claims: UserTokenClaims } | { readonly kind: 'agent'; readonly claims: AgentTokenClaims };

const CACHE_LIFE_MS = 30_000;
const CLOCK_LEEWAY_S = 5;

/** Verifies AIWM's tokens: ES256 only, by `kid`, issuer, audience and expiry. Whether the subject still may is not its business. */
export class TokenVerifier {
  private readonly jwt = new JwtService({});
  private readonly verified = new LRUCache<string, VerifiedToken>({ max: 10_000, ttl: CACHE_LIFE_MS });

  constructor(private readonly store: IdentityStore) {}

  /** @throws AppError `token_expired` or `unauthenticated`; storage errors pass through. */
  async verify(token: string): Promise<VerifiedToken> {
    const cacheKey = createHash('sha256').update(token).digest('base64');
    const cached = this.verified.get(cacheKey);
    if (cached) {
      if (cached.claims.exp + CLOCK_LEEWAY_S > Date.now() / 1000) return cached;
      this.verified.delete(cacheKey);
      throw new AppError('token_expired');
    }
    const kid = this.keyIdOf(token);
    const publicKey = kid === undefined ? undefined : await this.store.signingKey(kid);
    if (!publicKey) throw notGenuine();
    const result = this.check(token, publicKey.export({ type: 'spki', format: 'pem' }).toString());
    this.verified.set(cacheKey, result);
    return result;
  }

  forgetAll(): void {
    if (this.verified.size > 0) this.verified.clear(); // clearing costs, full or empty
  }

  private keyIdOf(token: string): string | undefined {
    try {
      const decoded: unknown = this.jwt.decode(token, { complete: true });
      if (typeof decoded !== 'object' || decoded === null || !('header' in decoded)) return undefined;
      const header: unknown = decoded.header;
      if (typeof header !== 'object' || header === null || !('kid' in header) || !('alg' in header)) return undefined;
      return header.alg === 'ES256' && typeof header.kid === 'string' ? header.kid : undefined;
    } catch {
      return undefined; // a tampered header or payload throws errors of any class
    }
  }

  private check(token: string, publicKey: string): VerifiedToken {
    let claims: object;
    try {
      claims = this.jwt.verify<object>(token, {
        publicKey,
        algorithms: ['ES256'],
        issuer: 'aiwm',
        clockTolerance: CLOCK_LEEWAY_S,
      });
    } catch (error) {
      const expired = error instanceof Error && error.name === 'TokenExpiredError';
      throw expired ? new AppError('token_expired') : notGenuine();
    }
    // Signed by AIWM, so the claims have the shape that it gives them; the audience tells which one.
    const typed = claims as UserTokenClaims | AgentTokenClaims;
    if (typeof typed.exp !== 'number') throw notGenuine(); // a token without an end would be good for ever
    if (typed.aud === 'user') return { kind: 'user', claims: typed };
    if (typed.aud === 'agent') return { kind: 'agent', claims: typed };
    throw notGenuine();
  }
}

const notGenuine = () => new AppError('unauthenticated', { message: 'The token is not genuine' });
