import { DEFAULT_ORGANIZATION_ID, PLATFORM_NOTICES, type AiwmDeleted, type AiwmPage, type UserRevokedNotice } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import { Audit, Bus, IdentityStore, Transactions, validationFailed, type Caller, type Transaction } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { definedOnly } from '../api/bodies';
import { checkId, notFound } from '../api/ids';
import type { ListQuery, ListRules } from '../api/list-query';
import { pageWire } from '../api/pages';
import { OrganizationRepository } from '../organizations/organization.repository';
import { passwordProblem } from '../passwords/password-rules';
import { PASSWORD_ROUNDS } from '../passwords/passwords';
import { PasswordHashes } from '../passwords/password-hashes';
import { markIdempotentWork } from '../idempotency/current-claim';
import { scopeOf, tenantWire } from '../tenancy/tenant';
import { newUser } from './new-user';
import { RefreshTokenRepository } from './refresh-token.repository';
import type { CreateUserDto, UpdateUserDto, UserDto } from './user.dto';
import { UserRepository } from './user.repository';
import type { UserDocument } from './user.schema';

export const USER_LIST: ListRules = {
  filters: { username: 'contains', status: 'equals', roles: 'member', _id: 'id' },
  sorts: ['username', 'status', 'createdAt', 'updatedAt'],
};

const UNIVERSE = 'universe.owner';
const ORGANIZATION = 'organization.owner';

function wire(user: UserDocument): UserDto {
  return {
    _id: user._id.toHexString(),
    username: user.username,
    fullname: user.fullname,
    status: user.status,
    roles: [...user.roles],
    ...tenantWire(user),
  };
}

function checkPassword(password: string, username: string): void {
  const problem = passwordProblem(password, username);
  if (problem !== undefined) throw validationFailed([{ field: 'password', message: problem }]);
}

/** Only a `universe.owner` makes one, changes one or removes one: otherwise setting a password would be a way up. */
function checkReach(caller: Caller, roles: readonly string[]): void {
  if (roles.includes(UNIVERSE) && !caller.roles.includes(UNIVERSE)) {
    throw new AppError('forbidden', { message: 'Only a universe.owner may grant that role or change a user who has it' });
  }
}

/** People of an organization. Suspension, deletion and a new password end their tokens on every replica. */
@Injectable()
export class UsersService {
  constructor(
    private readonly repository: UserRepository,
    private readonly refreshTokens: RefreshTokenRepository,
    private readonly organizations: OrganizationRepository,
    private readonly store: IdentityStore,
    private readonly transactions: Transactions,
    private readonly audit: Audit,
    private readonly bus: Bus,
    private readonly hashes: PasswordHashes,
  ) {}

  async create(caller: Caller, body: CreateUserDto): Promise<UserDto> {
    checkReach(caller, body.roles);
    checkPassword(body.password, body.username);
    const passwordHash = await this.hashes.make(`caller:${caller.id}`, body.password, PASSWORD_ROUNDS);
    const { username, fullname } = body;
    const roles = [...new Set(body.roles)];
    const made = newUser({ username, passwordHash, orgId: caller.orgId, roles, createdBy: caller.id, ...(fullname === undefined ? {} : { fullname }) }, new Date());
    const user: UserDocument = { ...made, status: body.status ?? 'active' };
    await this.store.createIn(user.orgId, this.transactions, async (transaction) => {
      await this.repository.insert(user, transaction);
      await this.record(transaction, caller, 'create', user, Object.keys(definedOnly(body)));
      await markIdempotentWork(transaction, wire(user));
    });
    return wire(user);
  }

  async get(caller: Caller, id: string): Promise<UserDto> {
    const found = await this.repository.documents.find(scopeOf(caller), checkId(id));
    if (!found) throw notFound();
    return wire(found);
  }

  async list(caller: Caller, query: ListQuery): Promise<AiwmPage<UserDto>> {
    return pageWire(await this.repository.documents.list(scopeOf(caller), query), query, wire);
  }

  async update(caller: Caller, id: string, body: UpdateUserDto): Promise<UserDto> {
    const known = await this.repository.documents.find(scopeOf(caller), checkId(id));
    if (!known) throw notFound();
    checkReach(caller, [...known.roles, ...(body.roles ?? [])]);
    if (body.password !== undefined) checkPassword(body.password, body.username ?? known.username);
    const passwordHash = body.password === undefined ? undefined : await this.hashes.make(`caller:${caller.id}`, body.password, PASSWORD_ROUNDS);
    const after = await this.transactions.run(async (transaction) => {
      const before = await this.repository.documents.find(scopeOf(caller), id, transaction);
      if (!before) throw notFound();
      checkReach(caller, before.roles);
      const changes = definedOnly({
        username: body.username?.toLowerCase(),
        fullname: body.fullname,
        status: body.status,
        roles: body.roles ? [...new Set(body.roles)] : undefined,
        passwordHash,
        passwordSetAt: passwordHash === undefined ? undefined : new Date(),
      });
      await this.keepAnOwner(before, { ...before, ...changes }, transaction);
      const ends = passwordHash !== undefined || (body.status === 'suspended' && before.status !== 'suspended');
      const by = { id: caller.id, at: new Date() };
      const changed = await this.repository.change(scopeOf(caller), id, { set: changes, by, ...(ends ? { raise: ['tokenVersion'] } : {}) }, transaction);
      if (!changed) throw notFound();
      if (ends) await this.refreshTokens.revokeAllOf(id, new Date(), transaction);
      await this.record(transaction, caller, 'update', changed, Object.keys(definedOnly(body)));
      transaction.afterCommit(() => this.announce(changed));
      return changed;
    });
    return wire(after);
  }

  async delete(caller: Caller, id: string): Promise<AiwmDeleted> {
    checkId(id);
    const deletedAt = new Date();
    await this.transactions.run(async (transaction) => {
      const before = await this.repository.documents.find(scopeOf(caller), id, transaction);
      if (!before) throw notFound();
      checkReach(caller, before.roles);
      await this.keepAnOwner(before, { ...before, roles: [] }, transaction);
      const changed = await this.repository.documents.delete(scopeOf(caller), id, { id: caller.id, at: deletedAt }, transaction, ['tokenVersion']);
      if (!changed) throw notFound();
      await this.refreshTokens.revokeAllOf(id, deletedAt, transaction);
      await this.record(transaction, caller, 'delete', changed, []);
      transaction.afterCommit(() => this.announce(changed));
    });
    return { _id: id, deletedAt: deletedAt.toISOString(), message: 'The user was deleted' };
  }

  /** @throws AppError `conflict` when nobody would be left who can manage the organization, or all of them */
  private async keepAnOwner(before: UserDocument, after: UserDocument, transaction: Transaction): Promise<void> {
    const loses = (...roles: string[]) => {
      const holds = (user: UserDocument) => user.status === 'active' && roles.some((role) => user.roles.includes(role));
      return holds(before) && !holds(after);
    };
    if (loses(UNIVERSE) && (await this.countOtherOwners(before, 'universe', transaction)) === 0) {
      throw new AppError('conflict', { message: 'This is the last active universe.owner; make another one first' });
    }
    if (loses(ORGANIZATION, UNIVERSE) && (await this.countOtherOwners(before, 'organization', transaction)) === 0) {
      throw new AppError('conflict', { message: "This is the organization's last active owner; make another one first" });
    }
  }

  /** Two owners who remove each other at the same moment collide at the mark, and one of them is asked again. */
  private async countOtherOwners(user: UserDocument, kind: 'universe' | 'organization', transaction: Transaction): Promise<number> {
    await this.organizations.markOwnerChange(kind === 'universe' ? DEFAULT_ORGANIZATION_ID : user.orgId, transaction);
    return this.repository.countOtherOwners(user, kind, transaction);
  }

  private announce(user: UserDocument): void {
    const userId = user._id.toHexString();
    this.store.forgetUser(userId);
    const { orgId, tokenVersion } = user;
    const notice: UserRevokedNotice = { orgId, userId, tokenVersion, at: new Date().toISOString() };
    this.bus.notify(PLATFORM_NOTICES.userRevoked, notice);
  }

  private record(transaction: Transaction, caller: Caller, verb: string, user: UserDocument, fields: readonly string[]): Promise<void> {
    const target = { type: 'user', id: user._id.toHexString(), name: user.username };
    return this.audit.record(transaction, { caller, orgId: user.orgId, action: `user.${verb}`, target, fields });
  }
}
