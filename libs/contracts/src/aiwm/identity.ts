import type { AuditActor, AuditTarget } from '../platform/bus';
import type { Role, SigningKeyRecord } from '../platform/identity';
import type { AiwmTenantFields } from './tenant';

/** Body of `POST /auth/login`; one of `username` and `email` is required. */
export interface AiwmLoginBody {
  readonly username?: string;
  readonly email?: string;
  readonly password: string;
}

/** Body of `POST /auth/refresh-token`. */
export interface AiwmRefreshBody {
  readonly refreshToken: string;
}

/** Body of `POST /auth/logout`; without a token all sessions of the user end. */
export interface AiwmLogoutBody {
  readonly refreshToken?: string;
}

/** Body of `POST /auth/change-password`. */
export interface AiwmChangePasswordBody {
  readonly currentPassword: string;
  readonly newPassword: string;
}

/** Answer of login, refresh and a changed password; lifetimes in seconds. */
export interface AiwmTokens {
  readonly accessToken: string;
  readonly expiresIn: number;
  readonly refreshToken: string;
  readonly refreshExpiresIn: number;
  readonly tokenType: 'bearer';
}

/** Answer of `GET /auth/profile`. */
export interface AiwmProfile {
  readonly _id: string;
  readonly username: string;
  readonly fullname: string;
  readonly status: AiwmUserStatus;
  readonly roles: readonly Role[];
  readonly orgId: string;
}

/** A public key that verifies tokens (RFC 7517). */
export type AiwmJwk = SigningKeyRecord['publicJwk'] & { readonly kid: string; readonly use: 'sig'; readonly alg: 'ES256' };

/** Answer of `GET /.well-known/jwks.json`. */
export interface AiwmJwks {
  readonly keys: readonly AiwmJwk[];
}

/** Body of `POST /organizations`. */
export interface AiwmOrganizationCreate {
  readonly name: string;
  readonly description?: string;
}
export type AiwmOrganizationUpdate = Partial<AiwmOrganizationCreate>;

export interface AiwmOrganization {
  readonly _id: string;
  readonly name: string;
  readonly description: string;
  readonly createdAt: string;
  readonly updatedAt: string;
}

export const AIWM_USER_STATUSES = ['active', 'suspended'] as const;
export type AiwmUserStatus = (typeof AIWM_USER_STATUSES)[number];

/** Body of `POST /users`. */
export interface AiwmUserCreate {
  /** E-mail address. */
  readonly username: string;
  /** 8 to 72 bytes. */
  readonly password: string;
  readonly roles: readonly Role[];
  readonly status?: AiwmUserStatus;
  readonly fullname?: string;
}
export type AiwmUserUpdate = Partial<AiwmUserCreate>;

export interface AiwmUser extends AiwmTenantFields {
  readonly _id: string;
  readonly username: string;
  readonly fullname: string;
  readonly status: AiwmUserStatus;
  readonly roles: readonly Role[];
}

/** An item of `GET /audit-log`: names of fields, never values. */
export interface AiwmAuditRecord {
  readonly _id: string;
  readonly at: string;
  readonly actor: AuditActor;
  readonly orgId: string;
  readonly action: string;
  readonly target: AuditTarget;
  readonly fields: readonly string[];
  readonly correlationId: string | null;
  readonly sourceAddress: string | null;
}
