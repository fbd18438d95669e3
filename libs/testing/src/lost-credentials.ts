import { createHash, randomBytes } from 'node:crypto';
import { DEFAULT_ORGANIZATION_ID, type KeyNotice, type NoticePattern, type UserRevokedNotice } from '@agentfleet/contracts';
import { mongo } from 'mongoose';

type IdentityNotice = Extract<NoticePattern, 'key.revoked' | 'key.changed' | 'key.rotated' | 'user.revoked'>;

/** What becomes of a credential: what AIWM writes, and the notice that it sends. */
export interface CredentialChange {
  readonly what: string;
  readonly who: 'key' | 'user';
  readonly set: () => object;
  readonly notice: IdentityNotice;
}

const newHash = () => createHash('sha256').update(randomBytes(32)).digest('hex');

/** After each of these the credential is not valid any more, or has no right at all. */
export const LOST_CREDENTIALS: readonly CredentialChange[] = [
  { what: 'key revoked', who: 'key', set: () => ({ revokedAt: new Date() }), notice: 'key.revoked' },
  { what: 'key rotated', who: 'key', set: () => ({ hash: newHash(), previousHash: null }), notice: 'key.rotated' },
  { what: 'key over', who: 'key', set: () => ({ expiresAt: new Date(Date.now() - 1) }), notice: 'key.changed' },
  { what: 'user without any role', who: 'user', set: () => ({ roles: [] }), notice: 'user.revoked' },
  { what: 'user suspended', who: 'user', set: () => ({ status: 'suspended' }), notice: 'user.revoked' },
  { what: 'password changed', who: 'user', set: () => ({ tokenVersion: 2 }), notice: 'user.revoked' },
];

/** Writes the change as AIWM does. @returns the payload of its notice, with the fields of both kinds */
export async function changeCredential(db: mongo.Db, { who, set }: CredentialChange, id: string): Promise<KeyNotice & UserRevokedNotice> {
  await db.collection(who === 'key' ? 'api_keys' : 'users').updateOne({ _id: new mongo.ObjectId(id) }, { $set: set() });
  return { orgId: DEFAULT_ORGANIZATION_ID, keyId: id, userId: id, tokenVersion: 2, at: new Date().toISOString() };
}
