/** The scopes that an API key may hold (DESIGN section 4). */
export const API_KEY_SCOPES = [
  'agents:read',
  'agents:write',
  'vps:read',
  'vps:call',
  'vps:manage',
  'sessions:read',
  'sessions:execute',
  'cluster:register',
  'clusters:read',
  'clusters:manage',
  'runtimes:manage',
] as const;
export type ApiKeyScope = (typeof API_KEY_SCOPES)[number];

/** Rights that only users have: they follow from a role and are never given to a key. */
export const USER_SCOPES = ['users:manage', 'api-keys:manage', 'audit:read', 'organizations:manage', 'user:self'] as const;
export type UserScope = (typeof USER_SCOPES)[number];

/** The one right of an agent's token: its own heartbeat, disconnect and configuration. */
export const AGENT_SCOPE = 'agent:self';

export type Scope = ApiKeyScope | UserScope | typeof AGENT_SCOPE;

export const ROLES = ['universe.owner', 'organization.owner', 'organization.editor', 'organization.viewer'] as const;
export type Role = (typeof ROLES)[number];

const VIEWER: readonly Scope[] = ['agents:read', 'vps:read', 'sessions:read', 'clusters:read', 'user:self'];
const EDITOR: readonly Scope[] = [...VIEWER, 'agents:write', 'vps:call', 'vps:manage', 'sessions:execute', 'clusters:manage'];
const OWNER: readonly Scope[] = [...EDITOR, 'runtimes:manage', 'users:manage', 'api-keys:manage', 'audit:read'];

/** What each role may do, inside its organization; `universe.owner` also manages organizations. */
export const SCOPES_OF_ROLE: Readonly<Record<Role, readonly Scope[]>> = {
  'organization.viewer': VIEWER,
  'organization.editor': EDITOR,
  'organization.owner': OWNER,
  'universe.owner': [...OWNER, 'organizations:manage'],
};

const OBJECT_ID = /^[0-9a-f]{24}$/;

/** Ids of organizations and of everything that AIWM keeps. */
export function isObjectId(value: unknown): value is string {
  return typeof value === 'string' && OBJECT_ID.test(value);
}

/** The organization that exists before any other, so that apps running without AIWM agree on it. */
export const DEFAULT_ORGANIZATION_ID = '000000000000000000000001';

/** Optional limits of an API key; whole numbers of at least 1. */
export interface ApiKeyLimits {
  readonly requestsPerMinute?: number;
  readonly maxConnections?: number;
  readonly connectsPerMinute?: number;
}

/** Signed by AIWM for a person; lifetime in `exp`, seconds since 1970. */
export interface UserTokenClaims {
  readonly iss: 'aiwm';
  readonly aud: 'user';
  readonly sub: string;
  readonly username: string;
  readonly status: string;
  readonly roles: readonly string[];
  readonly orgId: string;
  readonly tokenVersion: number;
  readonly jti: string;
  readonly iat: number;
  readonly exp: number;
}

/** Signed by AIWM for an agent at connect. */
export interface AgentTokenClaims {
  readonly iss: 'aiwm';
  readonly aud: 'agent';
  readonly type: 'agent';
  readonly sub: string;
  readonly agentId: string;
  readonly username: string;
  readonly status: 'active';
  readonly roles: readonly ['agent'];
  readonly orgId: string;
  readonly userId: '';
  readonly groupId: '';
  readonly tokenVersion: number;
  readonly configRevision: number;
  readonly jti: string;
  readonly iat: number;
  readonly exp: number;
}

/**
 * What every app reads of AIWM's collections to check a credential (AIWM alone writes them). Ids are compared as strings
 * of 24 hex digits; times are Dates in MongoDB.
 */
export interface ApiKeyRecord {
  readonly orgId: string;
  readonly name: string;
  /** SHA-256 of the whole key, hex. */
  readonly hash: string;
  readonly previousHash: string | null;
  readonly previousValidUntil: Date | null;
  readonly scopes: readonly string[];
  readonly limits: ApiKeyLimits;
  readonly expiresAt: Date | null;
  readonly revokedAt: Date | null;
}

export interface UserRecord {
  readonly orgId: string;
  readonly username: string;
  readonly status: string;
  readonly roles: readonly string[];
  readonly tokenVersion: number;
  readonly isDeleted: boolean;
}

/** `_id` is the `kid`: the RFC 7638 thumbprint of the key. */
export interface SigningKeyRecord {
  readonly publicJwk: { readonly kty: string; readonly crv: string; readonly x: string; readonly y: string };
  readonly createdAt: Date;
  /** Null while new tokens are signed with it; afterwards the end of the last token's life. */
  readonly validUntil: Date | null;
}
