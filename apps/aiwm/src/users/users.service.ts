import { DEFAULT_ORGANIZATION_ID, type AiwmDeleted, type AiwmPage } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import { Changes, CLOCK, IdentityStore, validationFailed, type Caller, type ChangedTarget, type Clock, type Transaction } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import { definedOnly, deletedWire, sentFields } from '../api/bodies';
import { checkId } from '../api/ids';
import type { ListQuery, ListRules } from '../api/list-query';
import { pageWire } from '../api/pages';
import { OrganizationRepository } from '../organizations/organization.repository';
import { passwordProblem } from '../passwords/password-rules';
import { PASSWORD_ROUNDS } from '../passwords/passwords';
import { PasswordHashes } from '../passwords/password-hashes';
import { audited, scopeOf, tenantWire } from '../tenancy/tenant';
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

const auditedAs = (user: UserDocument, fields: readonly string[]): ChangedTarget => audited('user', { ...user, name: user.username }, fields);

/** People of an organization. Suspension, deletion and a new password end their tokens on every replica. */
@Injectable()
export class UsersService {
  constructor(
    private readonly repository: UserRepository,
    private readonly refreshTokens: RefreshTokenRepository,
    private readonly organizations: OrganizationRepository,
    private readonly store: IdentityStore,
    private readonly hashes: PasswordHashes,
    private readonly changes: Changes,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  async create(caller: Caller, body: CreateUserDto): Promise<UserDto> {
    checkReach(caller, body.roles);
    checkPassword(body.password, body.username);
    const passwordHash = await this.hashes.make(`caller:${caller.id}`, body.password, PASSWORD_ROUNDS);
    const { username, fullname } = body;
    const roles = [...new Set(body.roles)];
    const made = newUser({ username, passwordHash, orgId: caller.orgId, roles, createdBy: caller.id, ...(fullname === undefined ? {} : { fullname }) }, new Date(this.clock.now()));
    const user: UserDocument = { ...made, status: body.status ?? 'active' };
    return this.changes.createIn(user.orgId, caller, 'user.create', async (transaction) => {
      await this.repository.insert(user, transaction);
      const value = wire(user);
      return { value, audit: auditedAs(user, sentFields(body)), answer: value };
    });
  }

  async get(caller: Caller, id: string): Promise<UserDto> {
    return wire(await this.repository.documents.get(scopeOf(caller), checkId(id)));
  }

  async list(caller: Caller, query: ListQuery): Promise<AiwmPage<UserDto>> {
    return pageWire(await this.repository.documents.list(scopeOf(caller), query), query, wire);
  }

  async update(caller: Caller, id: string, body: UpdateUserDto): Promise<UserDto> {
    const known = await this.repository.documents.get(scopeOf(caller), checkId(id));
    checkReach(caller, [...known.roles, ...(body.roles ?? [])]);
    if (body.password !== undefined) checkPassword(body.password, body.username ?? known.username);
    const passwordHash = body.password === undefined ? undefined : await this.hashes.make(`caller:${caller.id}`, body.password, PASSWORD_ROUNDS);
    return this.changes.run(caller, 'user.update', async (transaction) => {
      const before = await this.repository.documents.get(scopeOf(caller), id, transaction);
      checkReach(caller, before.roles);
      const by = { id: caller.id, at: new Date(this.clock.now()) };
      const set = definedOnly({
        username: body.username?.toLowerCase(),
        fullname: body.fullname,
        status: body.status,
        roles: body.roles ? [...new Set(body.roles)] : undefined,
        passwordHash,
        passwordSetAt: passwordHash === undefined ? undefined : by.at,
      });
      await this.keepAnOwner(before, { ...before, ...set }, transaction);
      const ends = passwordHash !== undefined || (body.status === 'suspended' && before.status !== 'suspended');
      const changed = await this.repository.change(scopeOf(caller), id, { set, by, ...(ends ? { raise: ['tokenVersion'] } : {}) }, transaction);
      if (ends) await this.refreshTokens.revokeAllOf(id, by.at, transaction);
      this.announce(changed, by.at, transaction);
      return { value: wire(changed), audit: auditedAs(changed, sentFields(body)) };
    });
  }

  async delete(caller: Caller, id: string): Promise<AiwmDeleted> {
    checkId(id);
    return this.changes.run(caller, 'user.delete', async (transaction) => {
      const before = await this.repository.documents.get(scopeOf(caller), id, transaction);
      checkReach(caller, before.roles);
      await this.keepAnOwner(before, { ...before, roles: [] }, transaction);
      const by = { id: caller.id, at: new Date(this.clock.now()) };
      const deleted = await this.repository.documents.delete(scopeOf(caller), id, by, transaction, ['tokenVersion']);
      await this.refreshTokens.revokeAllOf(id, by.at, transaction);
      this.announce(deleted, by.at, transaction);
      return { value: deletedWire('user', id, by.at), audit: auditedAs(deleted, []) };
    });
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

  /** Whatever changed of a user, what is open or cached in the user's name is checked again. */
  private announce(user: UserDocument, at: Date, transaction: Transaction): void {
    const userId = user._id.toHexString();
    const { orgId, tokenVersion } = user;
    transaction.afterCommit(() => this.store.forgetUser(userId));
    transaction.notify('user.revoked', { orgId, userId, tokenVersion, at: at.toISOString() });
  }
}
