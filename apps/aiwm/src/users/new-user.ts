import { newTenantDocument } from '../tenancy/tenant';
import type { UserDocument } from './user.schema';

interface NewUser {
  readonly username: string;
  readonly passwordHash: string;
  readonly orgId: string;
  readonly roles: readonly string[];
  readonly createdBy: string;
  readonly fullname?: string;
}

export function newUser({ username, passwordHash, orgId, roles, createdBy, fullname = '' }: NewUser, now: Date): UserDocument {
  return {
    ...newTenantDocument(orgId, createdBy, now),
    username: username.toLowerCase(),
    fullname,
    status: 'active',
    roles,
    passwordHash,
    passwordSetAt: now,
    tokenVersion: 1,
  };
}
