import { createHash, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';
import {
  DEFAULT_ORGANIZATION_ID,
  type AgentTokenClaims,
  type ApiKeyLimits,
  type ApiKeyScope,
  type Role,
  type UserTokenClaims,
} from '@agentfleet/contracts';
import { mongo } from 'mongoose';

const { ObjectId } = mongo;

const base64url = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

interface SigningKey {
  readonly kid: string;
  readonly privateKey: KeyObject;
}

export interface FixtureKey {
  readonly id: string;
  readonly key: string;
  readonly orgId: string;
  /** `Authorization` header. */
  readonly headers: { readonly Authorization: string };
}

export interface FixtureUser {
  readonly id: string;
  readonly orgId: string;
  readonly token: string;
  readonly headers: { readonly Authorization: string };
}

/**
 * Identity as AIWM would have written it, for specs of the other apps: organizations, API keys, users with tokens,
 * agents' tokens. Everything lies in the spec's own database.
 */
export class IdentityFixtures {
  private signingKey: SigningKey | undefined;

  constructor(private readonly db: mongo.Db) {}

  async organization(name = `org-${randomBytes(4).toString('hex')}`): Promise<string> {
    const _id = new ObjectId();
    await this.db.collection('organizations').insertOne({ _id, name, description: '', createdAt: new Date(), updatedAt: new Date() });
    return _id.toHexString();
  }

  async apiKey(options: { scopes: readonly ApiKeyScope[]; orgId?: string; limits?: ApiKeyLimits; expiresAt?: Date }): Promise<FixtureKey> {
    const key = `afk_${randomBytes(32).toString('base64url')}`;
    const _id = new ObjectId();
    const orgId = options.orgId ?? DEFAULT_ORGANIZATION_ID;
    await this.db.collection('api_keys').insertOne({
      _id,
      orgId,
      name: 'fixture',
      hash: createHash('sha256').update(key).digest('hex'),
      prefix: key.slice(0, 12),
      previousHash: null,
      previousValidUntil: null,
      scopes: [...options.scopes],
      limits: options.limits ?? {},
      expiresAt: options.expiresAt ?? null,
      revokedAt: null,
      createdAt: new Date(),
    });
    return { id: _id.toHexString(), key, orgId, headers: { Authorization: `Bearer ${key}` } };
  }

  /** What AIWM does on DELETE /api-keys/:id, without the notice. */
  async revokeApiKey(id: string): Promise<void> {
    await this.db.collection('api_keys').updateOne({ _id: new ObjectId(id) }, { $set: { revokedAt: new Date() } });
  }

  async user(options: { roles: readonly Role[]; orgId?: string }): Promise<FixtureUser> {
    const _id = new ObjectId();
    const id = _id.toHexString();
    const orgId = options.orgId ?? DEFAULT_ORGANIZATION_ID;
    const username = `user-${id}@example.org`;
    const record = { orgId, username, status: 'active', roles: [...options.roles], tokenVersion: 1, isDeleted: false };
    await this.db.collection('users').insertOne({ _id, ...record, createdAt: new Date(), updatedAt: new Date() });
    const now = Math.floor(Date.now() / 1000);
    const claims: UserTokenClaims = {
      iss: 'aiwm',
      aud: 'user',
      sub: id,
      username,
      status: 'active',
      roles: options.roles,
      orgId,
      tokenVersion: 1,
      jti: randomBytes(8).toString('hex'),
      iat: now,
      exp: now + 3600,
    };
    const token = await this.sign(claims);
    return { id, orgId, token, headers: { Authorization: `Bearer ${token}` } };
  }

  /** A genuine agent token; the agent itself need not exist. */
  async agentToken(options: { agentId?: string; orgId?: string } = {}): Promise<string> {
    const agentId = options.agentId ?? new ObjectId().toHexString();
    const now = Math.floor(Date.now() / 1000);
    const claims: AgentTokenClaims = {
      iss: 'aiwm',
      aud: 'agent',
      type: 'agent',
      sub: agentId,
      agentId,
      username: `agent:${agentId}`,
      status: 'active',
      roles: ['agent'],
      orgId: options.orgId ?? DEFAULT_ORGANIZATION_ID,
      userId: '',
      groupId: '',
      tokenVersion: 1,
      configRevision: 1,
      jti: randomBytes(8).toString('hex'),
      iat: now,
      exp: now + 86400,
    };
    return this.sign(claims);
  }

  /** Signs any claims with a key that all apps on this database accept. */
  async sign(claims: object): Promise<string> {
    const { kid, privateKey } = (this.signingKey ??= await this.createSigningKey());
    const signed = `${base64url({ alg: 'ES256', typ: 'JWT', kid })}.${base64url(claims)}`;
    const signature = sign('sha256', Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' });
    return `${signed}.${signature.toString('base64url')}`;
  }

  private async createSigningKey(): Promise<SigningKey> {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { kty, crv, x, y } = publicKey.export({ format: 'jwk' });
    const kid = createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url');
    const record = { publicJwk: { kty, crv, x, y }, createdAt: new Date(), validUntil: null };
    await this.db.collection<{ _id: string }>('signing_keys').insertOne({ _id: kid, ...record });
    return { kid, privateKey };
  }
}
