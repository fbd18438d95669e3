import type { AiwmDeleted, AiwmPage, AiwmTenantFields } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import type { Audit, Caller, IdentityStore, Transaction, Transactions } from '@agentfleet/platform';
import { markIdempotentWork } from '../idempotency/current-claim';
import type { ListQuery } from '../api/list-query';
import { newId, type Page, type TenantCollection, type TenantDocument, type TenantScope } from './tenant-collection.repository';
import { isObjectId } from '../api/validation';

/** What is particular to one kind of resource; all the rest of CRUD is the same. */
export interface ResourceKind<D extends TenantDocument> {
  /** `instruction`, `tool`, `node`, `agent`: names audit actions and targets. */
  readonly type: string;
  /** Which documents this caller may read; default: those of its organization. */
  readonly readScope?: (caller: Caller) => TenantScope;
  /** Refuses changes that the caller may see but not make. @throws AppError */
  readonly checkWrite?: (caller: Caller, document: D) => void;
  /** Raised by a deletion. */
  readonly deletionRaises?: string;
  /** Inside the transaction of a deletion. @throws AppError `in_use` */
  readonly beforeDelete?: (document: D, transaction: Transaction) => Promise<void>;
  /** Inside the transaction of a deletion, after it. */
  readonly afterDelete?: (document: D, transaction: Transaction) => Promise<void>;
  /** Inside the transaction of an update, after it. */
  readonly afterUpdate?: (before: D, after: D, transaction: Transaction) => Promise<void>;
}

/** The documents that a caller may see: its organization's, or all for `universe.owner`. */
export function scopeOf(caller: Caller): TenantScope {
  return { orgId: caller.allOrganizations ? null : caller.orgId };
}

/** @throws AppError `invalid_id` */
export function checkId(id: string): string {
  if (!isObjectId(id)) throw new AppError('invalid_id', { message: 'The id must be 24 lower-case hex digits' });
  return id;
}

/** The fields that every new document begins with. */
export function newDocument(caller: Caller, now: Date): TenantDocument {
  return {
    _id: newId(),
    orgId: caller.orgId,
    createdBy: caller.id,
    updatedBy: caller.id,
    createdAt: now,
    updatedAt: now,
    isDeleted: false,
    deletedAt: null,
  };
}

/** The fields that every answer ends with. */
export function tenantWire(document: TenantDocument): AiwmTenantFields {
  return {
    owner: { orgId: document.orgId },
    createdBy: document.createdBy,
    updatedBy: document.updatedBy,
    createdAt: document.createdAt.toISOString(),
    updatedAt: document.updatedAt.toISOString(),
  };
}

export const notFound = () => new AppError('not_found', { message: 'Not found' });

/** Bookkeeping beside a change, of no interest to who reads the audit log. */
const INTERNAL_FIELDS = new Set(['references', 'statusChangedAt', 'suspensionEndedAt', 'previousTokenVersion', 'previousValidUntil']);

type NamedDocument = TenantDocument & { readonly name: string };

/** Create, read, list, update, delete of one kind, each change in one transaction with its audit record. */
export class Resource<D extends NamedDocument> {
  constructor(
    private readonly documents: TenantCollection<D>,
    private readonly transactions: Transactions,
    private readonly audit: Audit,
    private readonly identity: IdentityStore,
    private readonly kind: ResourceKind<D>,
  ) {}

  /** `check` runs in the transaction before the insert, for references. */
  async create<Answer extends object>(
    caller: Caller,
    document: D,
    fields: readonly string[],
    toWire: (document: D) => Answer,
    check?: (transaction: Transaction) => Promise<void>,
  ): Promise<Answer> {
    const answer = toWire(document);
    return this.identity.createIn(document.orgId, this.transactions, async (transaction) => {
      await check?.(transaction);
      await this.documents.insert(document, transaction);
      await this.record(transaction, caller, 'create', document, fields);
      await markIdempotentWork(transaction, answer);
      return answer;
    });
  }

  async get(caller: Caller, id: string): Promise<D> {
    const found = await this.documents.find(this.readScope(caller), checkId(id));
    if (!found) throw notFound();
    return found;
  }

  list(caller: Caller, query: ListQuery): Promise<Page<D>> {
    return this.documents.list(this.readScope(caller), query);
  }

  /** `change` sees the present document and returns what to set; it may throw, and may run several times. */
  async update(
    caller: Caller,
    id: string,
    change: (before: D, transaction: Transaction) => Promise<{ set: Readonly<Record<string, unknown>>; inc?: Readonly<Record<string, number>> }>,
  ): Promise<D> {
    checkId(id);
    return this.transactions.run(async (transaction) => {
      const before = await this.documents.find(this.readScope(caller), id, transaction);
      if (!before) throw notFound();
      this.kind.checkWrite?.(caller, before);
      const { set, inc } = await change(before, transaction);
      const stamped = { ...set, updatedAt: new Date(), updatedBy: caller.id };
      const after = await this.documents.update(this.readScope(caller), id, { set: stamped, ...(inc ? { inc } : {}) }, transaction);
      if (!after) throw notFound();
      await this.kind.afterUpdate?.(before, after, transaction);
      await this.record(transaction, caller, 'update', after, Object.keys(set).filter((field) => !INTERNAL_FIELDS.has(field)));
      return after;
    });
  }

  async delete(caller: Caller, id: string): Promise<AiwmDeleted> {
    checkId(id);
    return this.transactions.run(async (transaction) => {
      const before = await this.documents.find(this.readScope(caller), id, transaction);
      if (!before) throw notFound();
      this.kind.checkWrite?.(caller, before);
      await this.kind.beforeDelete?.(before, transaction);
      const deletedAt = new Date();
      const set = { isDeleted: true, deletedAt, updatedBy: caller.id };
      const inc = this.kind.deletionRaises === undefined ? {} : { inc: { [this.kind.deletionRaises]: 1 } };
      const after = await this.documents.update(this.readScope(caller), id, { set, ...inc }, transaction);
      if (!after) throw notFound();
      await this.kind.afterDelete?.(after, transaction);
      await this.record(transaction, caller, 'delete', after, []);
      return { _id: id, deletedAt: deletedAt.toISOString(), message: `The ${this.kind.type} was deleted` };
    });
  }

  private readScope(caller: Caller): TenantScope {
    return this.kind.readScope?.(caller) ?? scopeOf(caller);
  }

  private async record(transaction: Transaction, caller: Caller, verb: string, document: D, fields: readonly string[]): Promise<void> {
    const target = { type: this.kind.type, id: document._id.toHexString(), name: document.name };
    await this.audit.record(transaction, { caller, orgId: document.orgId, action: `${this.kind.type}.${verb}`, target, fields });
  }
}

/** A list's answer (contract section 1). */
export function pageWire<D extends TenantDocument, Item>(page: Page<D>, query: ListQuery, toWire: (document: D) => Item, hasType: boolean): AiwmPage<Item> {
  return {
    data: page.items.map(toWire),
    pagination: { page: query.page, limit: query.limit, total: page.total, totalPages: Math.ceil(page.total / query.limit) },
    statistics: { total: page.total, byStatus: page.byStatus, ...(hasType ? { byType: page.byType } : {}) },
  };
}

/** Only what was sent: absent fields stay as they are. */
export function definedOnly<T extends object>(body: T): Partial<T> {
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined)) as Partial<T>; // entries of a T
}
