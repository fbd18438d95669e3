import { hash, timingSafeEqual } from 'node:crypto';
import { API_KEY_SCOPES, AGENT_SCOPE, DEFAULT_ORGANIZATION_ID, SCOPES_OF_ROLE, type Role, type Scope, type UserTokenClaims } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import { SlidingWindow } from '../limits/sliding-window';
import type { Caller } from './caller';
import type { ApiKeyWithId, IdentityStore } from './identity-store';
import type { KeyUsage } from './key-usage';
import type { TokenVerifier } from './token-verifier';

/** What a request presents. */
export interface Credentials {
  readonly apiKey: string | undefined;
  readonly authorization: string | undefined;
  /** Only where a contract reads a credential from the query (the cluster socket); an empty text is a wrong one. */
  readonly queryToken?: string | undefined;
  readonly organizationId: string | undefined;
  readonly sourceAddress: string;
}

/** A key of the environment, for deployments without AIWM; acts in the default organization. */
export interface StaticKey {
  /** Such as `static:bridge`. */
  readonly id: string;
  /** Name of its variable. */
  readonly name: string;
  readonly secret: string | undefined;
  readonly scopes: readonly Scope[];
}

const OBJECT_ID = /^[0-9a-f]{24}$/;
const API_KEY = /^afk_[A-Za-z0-9_-]{20,200}$/;
const JWT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

const sha256 = (value: string) => hash('sha256', value, 'buffer'); // in one call: half of what a Hash object costs each request

interface IdentityOptions {
  readonly authMode: 'required' | 'off';
  readonly staticKeys: readonly StaticKey[];
  readonly failuresPerMinute: number;
}

/** Resolves credentials to a `Caller`. A refusal is 401; a store that cannot be asked is 503, never 401. */
export class Identity {
  private readonly staticKeys: readonly { readonly digest: Buffer; readonly caller: Caller }[];
  /** Every request of a key is made by the same caller; records are replaced, never changed. */
  private readonly callers = new WeakMap<ApiKeyWithId, Caller>();
  private readonly origins = new WeakMap<Caller, Origin>();
  private readonly failures = new SlidingWindow(60_000, () => performance.now());

  constructor(
    private readonly store: IdentityStore,
    private readonly tokens: TokenVerifier,
    private readonly usage: KeyUsage,
    private readonly options: IdentityOptions,
  ) {
    this.staticKeys = options.staticKeys.flatMap(({ secret, ...key }) => {
      if (secret === undefined || secret === '') return [];
      const digest = sha256(secret);
      const caller = keyCaller({ ...key, orgId: DEFAULT_ORGANIZATION_ID, limits: {} }, digest.toString('hex'));
      return [{ digest, caller: this.from({ kind: 'fixed' }, caller) }];
    });
  }

  /** @throws AppError 401, 429 after too many failures from one address, 503, 400/404 for `X-Organization-Id`. */
  async authenticate(credentials: Credentials): Promise<Caller> {
    try {
      const caller = await this.resolve(credentials);
      await this.usage.countRequest(caller.id, caller.keyLimits);
      return caller;
    } catch (error) {
      if (error instanceof AppError && error.status === 401) {
        const retryAfterSeconds = this.failures.blockedForSeconds(credentials.sourceAddress, this.options.failuresPerMinute);
        if (retryAfterSeconds > 0) throw new AppError('rate_limited', { retryAfterSeconds });
        this.failures.add(credentials.sourceAddress, this.options.failuresPerMinute);
      }
      throw error;
    }
  }

  /**
   * The caller as it is now, with its present rights; undefined when its credential is no longer good. For connections that
   * stay open. @throws AppError `storage_unavailable` and storage errors: then nobody knows
   */
  async recheck(caller: Caller): Promise<Caller | undefined> {
    const origin = this.origins.get(caller);
    if (!origin) throw new Error('Only a caller that was authenticated here can be checked again');
    if (origin.kind === 'fixed') return caller;
    if (origin.kind === 'key') return this.callerOfHash(origin.hash);
    try {
      return await this.userOf(origin.claims, origin.organizationId);
    } catch (error) {
      if (error instanceof AppError && error.status < 500) return undefined;
      throw error;
    }
  }

  private async resolve(credentials: Credentials): Promise<Caller> {
    const { apiKey, authorization, queryToken } = credentials;
    if (apiKey !== undefined && apiKey !== '') return this.fromKey(apiKey);
    if (authorization !== undefined && authorization !== '') {
      const value = /^bearer +(\S+)$/i.exec(authorization)?.[1];
      if (value === undefined) throw refused('Authorization must be Bearer and a token or an API key');
      return this.fromBearer(value, credentials.organizationId);
    }
    if (queryToken !== undefined) return this.fromKey(queryToken);
    if (this.options.authMode === 'off') return this.from({ kind: 'fixed' }, anonymousOwner());
    throw refused('No credentials: send Authorization: Bearer and a token or an API key, or X-API-Key');
  }

  private fromBearer(value: string, organizationId: string | undefined): Promise<Caller> {
    if (!value.startsWith('afk_') && JWT.test(value) && !this.staticCaller(value)) return this.fromToken(value, organizationId);
    return this.fromKey(value);
  }

  private staticCaller(value: string): Caller | undefined {
    if (this.staticKeys.length === 0) return undefined;
    const digest = sha256(value);
    return this.staticKeys.find((key) => timingSafeEqual(key.digest, digest))?.caller;
  }

  private async fromKey(value: string): Promise<Caller> {
    const known = this.staticCaller(value);
    if (known) return known;
    if (JWT.test(value)) throw refused('This is an access token, not an API key: send it as Authorization: Bearer');
    if (!API_KEY.test(value)) throw refused('This is no token and no API key');
    const caller = await this.callerOfHash(sha256(value).toString('hex'));
    if (!caller) throw refused('The API key is unknown, revoked or expired');
    this.usage.saw(caller.orgId, caller.id);
    return caller;
  }

  private async callerOfHash(hash: string): Promise<Caller | undefined> {
    const record = await this.store.apiKeyByHash(hash);
    if (!record || validUntilMs(record, hash) <= Date.now()) return undefined;
    const known = this.callers.get(record);
    if (known) return known;
    const caller = this.from({ kind: 'key', hash }, { ...keyCaller(record, hash), validUntilMs: validUntilMs(record, hash) });
    this.callers.set(record, caller);
    return caller;
  }

  private async fromToken(token: string, organizationId: string | undefined): Promise<Caller> {
    const verified = await this.tokens.verify(token);
    if (verified.kind === 'user') return this.userOf(verified.claims, organizationId);
    const { claims } = verified;
    return this.from({ kind: 'fixed' }, {
      ...NO_RIGHTS,
      kind: 'agent',
      id: claims.agentId,
      name: claims.username,
      orgId: claims.orgId,
      scopes: new Set([AGENT_SCOPE]),
      validUntilMs: claims.exp * 1000,
      agentClaims: claims,
    });
  }

  private async userOf(claims: UserTokenClaims, organizationId: string | undefined): Promise<Caller> {
    const user = await this.store.userById(claims.sub);
    if (!user || user.isDeleted || user.status !== 'active' || user.tokenVersion !== claims.tokenVersion) throw new AppError('token_revoked');
    const caller: Caller = {
      ...NO_RIGHTS,
      kind: 'user',
      id: claims.sub,
      name: user.username,
      orgId: user.orgId,
      allOrganizations: user.roles.includes('universe.owner'),
      scopes: scopesOf(user.roles),
      roles: user.roles,
      validUntilMs: claims.exp * 1000,
    };
    const acting = caller.allOrganizations && organizationId !== undefined ? await this.actingIn(caller, organizationId) : caller;
    return this.from({ kind: 'user', claims, organizationId }, acting);
  }

  private from(origin: Origin, caller: Caller): Caller {
    this.origins.set(caller, origin);
    return caller;
  }

  /** A `universe.owner` who names an organization acts exactly as its owner. */
  private async actingIn(caller: Caller, organizationId: string): Promise<Caller> {
    if (!OBJECT_ID.test(organizationId)) {
      throw new AppError('invalid_id', { message: 'X-Organization-Id must be 24 lower-case hex digits' });
    }
    if (!(await this.store.organizationExists(organizationId))) throw new AppError('not_found', { message: 'Organization not found' });
    const roles: readonly Role[] = ['organization.owner'];
    return { ...caller, orgId: organizationId, allOrganizations: false, roles, scopes: scopesOf(roles) };
  }
}

/** Dialects whose contract fixes the words have their own. */
const refused = (message: string) => new AppError('unauthenticated', { message });

const NO_RIGHTS = { allOrganizations: false, roles: [], keyLimits: {}, keyHash: null, validUntilMs: Infinity, agentClaims: null } as const;

/** What a caller was resolved from, so that it can be resolved again without the credential itself. */
type Origin =
  | { readonly kind: 'key'; readonly hash: string }
  | { readonly kind: 'user'; readonly claims: UserTokenClaims; readonly organizationId: string | undefined }
  /** Static keys, callers with AUTH_MODE=off, and agents, whose state is the business of the app that serves them. */
  | { readonly kind: 'fixed' };

function scopesOf(roles: readonly string[]): ReadonlySet<Scope> {
  const known = Object.keys(SCOPES_OF_ROLE).filter((role): role is Role => roles.includes(role));
  return new Set(known.flatMap((role) => SCOPES_OF_ROLE[role]));
}

function anonymousOwner(): Caller {
  const roles: readonly Role[] = ['organization.owner'];
  return { ...NO_RIGHTS, kind: 'anonymous', id: 'anonymous', name: 'anonymous', orgId: DEFAULT_ORGANIZATION_ID, roles, scopes: scopesOf(roles) };
}

interface KeyFacts {
  readonly id: string;
  readonly name: string;
  readonly orgId: string;
  readonly scopes: readonly string[];
  readonly limits: Caller['keyLimits'];
}
function keyCaller(key: KeyFacts, keyHash: string): Caller {
  const scopes = new Set<Scope>(API_KEY_SCOPES.filter((scope) => key.scopes.includes(scope)));
  return { ...NO_RIGHTS, kind: 'key', id: key.id, name: key.name, orgId: key.orgId, scopes, keyLimits: key.limits, keyHash };
}

interface KeyValidity {
  readonly hash: string;
  readonly previousValidUntil: Date | null;
  readonly expiresAt: Date | null;
  readonly revokedAt: Date | null;
}
/** When the key of this hash ends, milliseconds since 1970; long ago when it is revoked or was rotated out. */
function validUntilMs(record: KeyValidity, hash: string): number {
  if (record.revokedAt !== null) return -Infinity;
  const ends = [record.expiresAt?.getTime() ?? Infinity, record.hash === hash ? Infinity : (record.previousValidUntil?.getTime() ?? -Infinity)];
  return Math.min(...ends);
}
