import { createHash, timingSafeEqual } from 'node:crypto';
import { API_KEY_SCOPES, AGENT_SCOPE, DEFAULT_ORGANIZATION_ID, SCOPES_OF_ROLE, type Role, type Scope } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import type { Caller } from './caller';
import { FailureLimiter } from './failure-limiter';
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

const sha256 = (value: string) => createHash('sha256').update(value).digest();

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
  private readonly failures: FailureLimiter;

  constructor(
    private readonly store: IdentityStore,
    private readonly tokens: TokenVerifier,
    private readonly usage: KeyUsage,
    private readonly options: IdentityOptions,
  ) {
    this.staticKeys = options.staticKeys.flatMap(({ secret, ...key }) => {
      if (secret === undefined || secret === '') return [];
      const digest = sha256(secret);
      return [{ digest, caller: keyCaller({ ...key, orgId: DEFAULT_ORGANIZATION_ID, limits: {} }, digest.toString('hex')) }];
    });
    this.failures = new FailureLimiter(options.failuresPerMinute);
  }

  /** @throws AppError 401, 429 after too many failures from one address, 503, 400/404 for `X-Organization-Id`. */
  async authenticate(credentials: Credentials): Promise<Caller> {
    try {
      const caller = await this.resolve(credentials);
      await this.usage.countRequest(caller.id, caller.keyLimits);
      return caller;
    } catch (error) {
      if (error instanceof AppError && error.status === 401) {
        const retryAfterSeconds = this.failures.count(credentials.sourceAddress);
        if (retryAfterSeconds > 0) throw new AppError('rate_limited', { retryAfterSeconds });
      }
      throw error;
    }
  }

  /** True when a key that was valid earlier is so still (for sockets that stay open). Storage errors pass through. */
  async isKeyStillValid(keyHash: string): Promise<boolean> {
    if (this.staticKeys.some((key) => key.digest.toString('hex') === keyHash)) return true;
    const record = await this.store.apiKeyByHash(keyHash);
    return record !== undefined && isUsable(record, keyHash);
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
    if (this.options.authMode === 'off') return anonymousOwner();
    throw refused('No credentials: send Authorization: Bearer and a token or an API key, or X-API-Key');
  }

  private fromBearer(value: string, organizationId: string | undefined): Promise<Caller> {
    if (!value.startsWith('afk_') && JWT.test(value) && !this.staticCaller(value)) return this.fromToken(value, organizationId);
    return this.fromKey(value);
  }

  private staticCaller(value: string): Caller | undefined {
    const digest = sha256(value);
    return this.staticKeys.find((key) => timingSafeEqual(key.digest, digest))?.caller;
  }

  private async fromKey(value: string): Promise<Caller> {
    const known = this.staticCaller(value);
    if (known) return known;
    if (JWT.test(value)) throw refused('This is an access token, not an API key: send it as Authorization: Bearer');
    if (!API_KEY.test(value)) throw refused('This is no token and no API key');
    const hash = sha256(value).toString('hex');
    const record = await this.store.apiKeyByHash(hash);
    if (!record || !isUsable(record, hash)) throw refused('The API key is unknown, revoked or expired');
    this.usage.saw(record.orgId, record.id);
    const caller = this.callers.get(record) ?? keyCaller(record, hash);
    this.callers.set(record, caller);
    return caller;
  }

  private async fromToken(token: string, organizationId: string | undefined): Promise<Caller> {
    const verified = await this.tokens.verify(token);
    if (verified.kind === 'agent') {
      const { claims } = verified;
      return {
        ...NO_RIGHTS,
        kind: 'agent',
        id: claims.agentId,
        name: claims.username,
        orgId: claims.orgId,
        scopes: new Set([AGENT_SCOPE]),
        agentClaims: claims,
      };
    }
    const user = await this.store.userById(verified.claims.sub);
    if (!user || user.isDeleted || user.status !== 'active' || user.tokenVersion !== verified.claims.tokenVersion) {
      throw new AppError('token_revoked');
    }
    const caller: Caller = {
      ...NO_RIGHTS,
      kind: 'user',
      id: verified.claims.sub,
      name: user.username,
      orgId: user.orgId,
      allOrganizations: user.roles.includes('universe.owner'),
      scopes: scopesOf(user.roles),
      roles: user.roles,
    };
    return caller.allOrganizations && organizationId !== undefined ? this.actingIn(caller, organizationId) : caller;
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

const NO_RIGHTS = { allOrganizations: false, roles: [], keyLimits: {}, keyHash: null, agentClaims: null } as const;

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
function isUsable(record: KeyValidity, hash: string): boolean {
  const now = Date.now();
  if (record.revokedAt !== null || (record.expiresAt !== null && record.expiresAt.getTime() <= now)) return false;
  if (record.hash === hash) return true;
  return record.previousValidUntil !== null && record.previousValidUntil.getTime() > now;
}
