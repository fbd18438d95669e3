import { DEFAULT_ORGANIZATION_ID, type AiwmDeleted, type AiwmPage } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import { Changes, CLOCK, IdentityStore, type Caller, type ChangedTarget, type Clock } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import { definedOnly, deletedWire, sentFields } from '../api/bodies';
import { checkId, notFound } from '../api/ids';
import type { ListQuery, ListRules } from '../api/list-query';
import { pageWire } from '../api/pages';
import { scopeOf } from '../tenancy/tenant';
import { newId } from '../tenancy/tenant.schema';
import type { CreateOrganizationDto, OrganizationDto, UpdateOrganizationDto } from './organization.dto';
import { OrganizationRepository } from './organization.repository';
import type { OrganizationDocument } from './organization.schema';

export const ORGANIZATION_LIST: ListRules = {
  filters: { name: 'contains', _id: 'id' },
  sorts: ['name', 'createdAt', 'updatedAt'],
};

function wire(document: OrganizationDocument): OrganizationDto {
  return {
    _id: document._id.toHexString(),
    name: document.name,
    description: document.description,
    createdAt: document.createdAt.toISOString(),
    updatedAt: document.updatedAt.toISOString(),
  };
}

function auditedAs({ _id, name }: OrganizationDocument, fields: readonly string[]): ChangedTarget {
  const id = _id.toHexString();
  return { orgId: id, target: { type: 'organization', id, name }, fields };
}

/** Tenants see their own organization; `universe.owner` sees and manages all. */
@Injectable()
export class OrganizationsService {
  constructor(
    private readonly repository: OrganizationRepository,
    private readonly store: IdentityStore,
    private readonly changes: Changes,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  create(caller: Caller, body: CreateOrganizationDto): Promise<OrganizationDto> {
    const now = new Date(this.clock.now());
    const organization = { _id: newId(), name: body.name, description: body.description ?? '', createdAt: now, updatedAt: now };
    return this.changes.run(caller, 'organization.create', async (transaction) => {
      await this.repository.insert(organization, transaction);
      const value = wire(organization);
      return { value, audit: auditedAs(organization, sentFields(body)), answer: value };
    });
  }

  async get(caller: Caller, id: string): Promise<OrganizationDto> {
    const found = await this.repository.find(scopeOf(caller), checkId(id));
    if (!found) throw notFound();
    return wire(found);
  }

  async list(caller: Caller, query: ListQuery): Promise<AiwmPage<OrganizationDto>> {
    return pageWire(await this.repository.list(scopeOf(caller), query), query, wire);
  }

  async update(caller: Caller, id: string, body: UpdateOrganizationDto): Promise<OrganizationDto> {
    checkId(id);
    return this.changes.run(caller, 'organization.update', async (transaction) => {
      const after = await this.repository.change(id, { ...definedOnly(body), updatedAt: new Date(this.clock.now()) }, transaction);
      if (!after) throw notFound();
      return { value: wire(after), audit: auditedAs(after, sentFields(body)) };
    });
  }

  async delete(caller: Caller, id: string): Promise<AiwmDeleted> {
    const found = await this.repository.find({ orgId: undefined }, checkId(id));
    if (!found) throw notFound();
    if (id === DEFAULT_ORGANIZATION_ID) throw new AppError('conflict', { message: 'The default organization cannot be deleted' });
    return this.changes.run(caller, 'organization.delete', async (transaction) => {
      const contents = await this.repository.contents(id, transaction);
      if (contents.length > 0) throw new AppError('conflict', { message: `The organization is not empty: it still has ${contents.join(', ')}` });
      if (!(await this.repository.delete(id, transaction))) throw notFound();
      const at = new Date(this.clock.now());
      transaction.afterCommit(() => this.store.forgetOrganization(id));
      transaction.notify('organization.deleted', { orgId: id, at: at.toISOString() });
      return { value: deletedWire('organization', id, at), audit: auditedAs(found, []) };
    });
  }
}
