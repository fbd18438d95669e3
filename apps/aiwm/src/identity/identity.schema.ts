import type { ApiKeyLimits, SigningKeyRecord } from '@agentfleet/contracts';
import { Schema, type Types } from 'mongoose';

export interface OrganizationDocument {
  readonly _id: Types.ObjectId;
  readonly name: string;
  readonly description: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}
export const ORGANIZATIONS = 'Organization';
export const organizationSchema = new Schema<OrganizationDocument>({ name: String }, { collection: 'organizations', strict: false, versionKey: false })
  .index({ name: 1 }, { unique: true });

export interface UserDocument {
  readonly _id: Types.ObjectId;
  readonly orgId: string;
  /** E-mail address, lower case. */
  readonly username: string;
  readonly fullname: string;
  readonly status: 'active' | 'suspended';
  readonly roles: readonly string[];
  readonly passwordHash: string;
  /** Absent in records of earlier versions until the next change. */
  readonly passwordSetAt?: Date;
  readonly tokenVersion: number;
  readonly isDeleted: boolean;
  readonly deletedAt: Date | null;
  readonly createdBy: string;
  readonly updatedBy: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}
export const USERS = 'User';
export const userSchema = new Schema<UserDocument>({ username: String }, { collection: 'users', strict: false, versionKey: false })
  .index({ username: 1 }, { unique: true, partialFilterExpression: { isDeleted: false } })
  .index({ orgId: 1, isDeleted: 1, createdAt: -1 });

export interface ApiKeyDocument {
  readonly _id: Types.ObjectId;
  readonly orgId: string;
  readonly name: string;
  readonly hash: string;
  readonly prefix: string;
  readonly previousHash: string | null;
  readonly previousValidUntil: Date | null;
  readonly scopes: readonly string[];
  readonly limits: ApiKeyLimits;
  readonly expiresAt: Date | null;
  readonly revokedAt: Date | null;
  readonly lastUsedAt: Date | null;
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}
export const API_KEYS = 'ApiKey';
export const apiKeySchema = new Schema<ApiKeyDocument>({ hash: String }, { collection: 'api_keys', strict: false, versionKey: false })
  .index({ hash: 1 }, { unique: true })
  .index({ previousHash: 1 }, { sparse: true })
  .index({ orgId: 1, revokedAt: 1, createdAt: -1 });

export interface RefreshTokenDocument {
  /** SHA-256 of the token, hex. */
  readonly _id: string;
  readonly familyId: string;
  readonly userId: string;
  readonly tokenVersion: number;
  readonly expiresAt: Date;
  readonly usedAt: Date | null;
  /** Rises with every use, so that a use and a logout at the same time cannot both go unseen. */
  readonly uses?: number;
  readonly revokedAt: Date | null;
}
export const REFRESH_TOKENS = 'RefreshToken';
export const refreshTokenSchema = new Schema<RefreshTokenDocument>({ _id: String }, { collection: 'refresh_tokens', strict: false, versionKey: false })
  .index({ expiresAt: 1 }, { expireAfterSeconds: 0 })
  .index({ familyId: 1 })
  .index({ userId: 1 });

/** That somebody logged in under some name from some source. */
export interface LoginPlaceDocument {
  /** SHA-256 of both, hex. */
  readonly _id: string;
  readonly lastAt: Date;
}
export const LOGIN_PLACES = 'LoginPlace';
const LOGIN_PLACE_LIFE_S = 90 * 86_400;
export const loginPlaceSchema = new Schema<LoginPlaceDocument>({ _id: String }, { collection: 'login_places', strict: false, versionKey: false })
  .index({ lastAt: 1 }, { expireAfterSeconds: LOGIN_PLACE_LIFE_S });

export type SigningKeyDocument = SigningKeyRecord & { readonly _id: string };
export const SIGNING_KEYS = 'SigningKey';
export const signingKeySchema = new Schema<SigningKeyDocument>({ _id: String }, { collection: 'signing_keys', strict: false, versionKey: false });

/** Only for its indexes: every app writes it, through the platform. */
export const AUDIT_LOG = 'AuditRecord';
export const auditLogSchema = new Schema({ orgId: String }, { collection: 'audit_log', strict: false, versionKey: false })
  .index({ orgId: 1, at: -1 })
  .index({ at: 1 });
