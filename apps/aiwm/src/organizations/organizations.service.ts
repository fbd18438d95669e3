import { DEFAULT_ORGANIZATION_ID, PLATFORM_NOTICES, type AiwmDeleted, type AiwmPage, type OrganizationDeletedNotice } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import { Audit, Bus, IdentityStore, Transactions, type Caller, type Transaction } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { markIdempotentWork } from '../idempotency/current-claim';
import { definedOnly } from '../api/bodies';
import { checkId, notFound } from '../api/ids';
import type { ListQuery, ListRules } from '../api/list-query';
import { pageWire } from '../api/pages';
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

/** Tenants see their own organization; `universe.owner` sees and manages all. */
@Injectable()
export class OrganizationsService {
  constructor(
    private readonly repository: OrganizationRepository,
    private readonly transactions: Transactions,
    private readonly audit: Audit,
    private readonly store: IdentityStore,
    private readonly bus: Bus,
  ) {}

  async create(caller: Caller, body: CreateOrganizationDto): Promise<OrganizationDto> {
    const now = new Date();
    const document = { _id: newId(), name: body.name, description: body.description ?? '', createdAt: now, updatedAt: now };
    await this.transactions.run(async (transaction) => {
      await this.repository.insert(document, transaction);
      await this.record(transaction, caller, 'create', document, Object.keys(definedOnly(body)));
      await markIdempotentWork(transaction, wire(document));
    });
    return wire(document);
  }

  async get(caller: Caller, id: string): Promise<OrganizationDto> {
    const found = await this.repository.find(checkId(id), ownOnly(caller));
    if (!found) throw notFound();
    return wire(found);
  }

  async list(caller: Caller, query: ListQuery): Promise<AiwmPage<OrganizationDto>> {
    return pageWire(await this.repository.list(ownOnly(caller), query), query, wire);
  }

  async update(caller: Caller, id: string, body: UpdateOrganizationDto): Promise<OrganizationDto> {
    checkId(id);
    const set = definedOnly(body);
    return this.transactions.run(async (transaction) => {
      const after = await this.repository.change(id, { ...set, updatedAt: new Date() }, transaction);
      if (!after) throw notFound();
      await this.record(transaction, caller, 'update', after, Object.keys(set));
      return wire(after);
    });
  }

  async delete(caller: Caller, id: string): Promise<AiwmDeleted> {
    const found = await this.repository.find(checkId(id), null);
    if (!found) throw notFound();
    if (id === DEFAULT_ORGANIZATION_ID) throw new AppError('conflict', { message: 'The default organization cannot be deleted' });
    await this.transactions.run(async (transaction) => {
      const contents = await this.repository.contents(id, transaction);
      if (contents.length > 0) throw new AppError('conflict', { message: `The organization is not empty: it still has ${contents.join(', ')}` });
      if (!(await this.repository.delete(id, transaction))) throw notFound();
      await this.record(transaction, caller, 'delete', found, []);
      transaction.afterCommit(() => {
        this.store.forgetOrganization(id);
        const notice: OrganizationDeletedNotice = { orgId: id, at: new Date().toISOString() };
        this.bus.notify(PLATFORM_NOTICES.organizationDeleted, notice);
      });
    });
    return { _id: id, deletedAt: new Date().toISOString(), message: 'The organization was deleted' };
  }

  private record(transaction: Transaction, caller: Caller, verb: string, { _id, name }: OrganizationDocument, fields: readonly string[]): Promise<void> {
    const id = _id.toHexString();
    return this.audit.record(transaction, { caller, orgId: id, action: `organization.${verb}`, target: { type: 'organization', id, name }, fields });
  }
}

const ownOnly = (caller: Caller) => (caller.allOrganizations ? null : caller.orgId);
