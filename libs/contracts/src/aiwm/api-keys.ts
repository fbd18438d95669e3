import type { ApiKeyLimits, ApiKeyScope } from '../platform/identity';

/** Body of `POST /api-keys`. */
export interface AiwmApiKeyCreate {
  readonly name: string;
  readonly scopes: readonly ApiKeyScope[];
  /** In the future; null: never. */
  readonly expiresAt?: string | null;
  readonly limits?: ApiKeyLimits;
}
export type AiwmApiKeyUpdate = Partial<AiwmApiKeyCreate>;

export interface AiwmApiKey {
  readonly _id: string;
  readonly name: string;
  /** First characters, to recognise a key by. */
  readonly prefix: string;
  readonly scopes: readonly ApiKeyScope[];
  readonly limits: ApiKeyLimits;
  readonly expiresAt: string | null;
  /** At most 60 s late while Redis is up. */
  readonly lastUsedAt: string | null;
  readonly createdAt: string;
}

/** Answer of `POST /api-keys`; the key is shown only here. */
export interface AiwmCreatedApiKey extends Omit<AiwmApiKey, 'lastUsedAt'> {
  readonly key: string;
}

/** Body of `POST /api-keys/{id}/rotate`. */
export interface AiwmApiKeyRotateBody {
  /** 0 to 604800; default 0. */
  readonly overlapSeconds?: number;
}

/** Answer of `POST /api-keys/{id}/rotate`. */
export interface AiwmRotatedApiKey {
  readonly _id: string;
  readonly key: string;
  readonly prefix: string;
  /** Null: the old secret ended at once. */
  readonly previousValidUntil: string | null;
}
