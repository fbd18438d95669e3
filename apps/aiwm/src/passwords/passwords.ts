import type { PasswordHashes } from './password-hashes';
import { newId } from '../tenancy/tenant-collection.repository';
import type { UserDocument } from '../identity/identity.schema';

export const PASSWORD_ROUNDS = 12;

/** A real hash of nothing anybody knows: checking it costs what checking a user's costs. */
const DUMMY_HASH = '$2b$12$C6UzMDM.H6dfI/f/IKcEeO7ZKoUrYyFQXnGR9vAjVHkbO8Z5Dq5yS';

/** The same work whether or not there is a user. */
export async function passwordMatches(hashes: PasswordHashes, lane: string, password: string, storedHash: string | undefined): Promise<boolean> {
  const fits = Buffer.byteLength(password) <= 72; // bcrypt ignores the rest
  const matches = await hashes.matches(lane, fits ? password : '', storedHash ?? DUMMY_HASH);
  return matches && fits && storedHash !== undefined;
}

interface NewUser {
  readonly username: string;
  readonly passwordHash: string;
  readonly orgId: string;
  readonly roles: readonly string[];
  readonly createdBy: string;
  readonly fullname?: string;
}

export function newUser({ username, passwordHash, orgId, roles, createdBy, fullname = '' }: NewUser): UserDocument {
  const now = new Date();
  return {
    _id: newId(),
    orgId,
    username: username.toLowerCase(),
    fullname,
    status: 'active',
    roles,
    passwordHash,
    passwordSetAt: now,
    tokenVersion: 1,
    isDeleted: false,
    deletedAt: null,
    createdBy,
    updatedBy: createdBy,
    createdAt: now,
    updatedAt: now,
  };
}
