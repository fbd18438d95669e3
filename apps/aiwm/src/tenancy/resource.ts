import type { AiwmDeleted } from '@agentfleet/contracts';
import type { Audit, Caller, IdentityStore, Transaction, Transactions } from '@agentfleet/platform';
import { markIdempotentWork } from '../idempotency/current-claim';
import { checkId, notFound } from '../api/ids';
import type { ListQuery } from '../api/list-query';
import type { Page } from '../api/pages';
import type { TenantScope } from './tenant';
import type { DocumentChange, TenantCollection } from './tenant-collection.repository';
import type { TenantDocument } from './tenant.schema';

/** What is particular to one kind of resource; all the rest of CRUD is the same. */
export interface ResourceKind<D extends TenantDocument, Scope> {
  /** `instruction`, `tool`, `node`, `agent`: names audit actions and targets. */
  readonly type: string;
  /** Which documents this caller may read. */
  readonly readScope: (caller: Caller) => Scope;
  /** Refuses changes that the caller may see but not make. @throws AppError */
  readonly checkWrite?: (caller: Caller, document: D) => void;
  /** Raised by a deletion. */
  readonly deletionRaises?: NonNullable<DocumentChange<D>['raise']>;
  /** Inside the transaction of a deletion. @throws AppError `in_use` */
  readonly beforeDelete?: (document: D, transaction: Transaction) => Promise<void>;
  /** Inside the transaction of a deletion, after it. */
  readonly afterDelete?: (document: D, transaction: Transaction) => Promise<void>;
  /** Inside the transaction of an update, after it. */
  readonly afterUpdate?: (before: D, after: D, transaction: Transaction) => Promise<void>;
}

/** Bookkeeping beside a change, of no interest to who reads the audit log. */
const INTERNAL_FIELDS = new Set(['references', 'statusChangedAt', 'suspensionEndedAt', 'previousTokenVersion', 'previousValidUntil']);

type NamedDocument = TenantDocument & { readonly name: string };

/** Create, read, list, update, delete of one kind, each change in one transaction with its audit record. */
export class Resource<D extends NamedDocument, Scope extends TenantScope = TenantScope> {
  constructor(
    private readonly documents: TenantCollection<D, Scope>,
    private readonly transactions: Transactions,
    private readonly audit: Audit,
    private readonly identity: IdentityStore,
    private readonly kind: ResourceKind<D, Scope>,
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
    const found = await this.documents.find(this.kind.readScope(caller), checkId(id));
    if (!found) throw notFound();
    return found;
  }

  list(caller: Caller, query: ListQuery): Promise<Page<D>> {
    return this.documents.list(this.kind.readScope(caller), query);
  }

  /** `change` sees the present document and returns what to set; it may throw, and may run several times. */
  async update(
    caller: Caller,
    id: string,
    change: (before: D, transaction: Transaction) => Promise<Omit<DocumentChange<D>, 'by'>>,
  ): Promise<D> {
    checkId(id);
    return this.transactions.run(async (transaction) => {
      const before = await this.documents.find(this.kind.readScope(caller), id, transaction);
      if (!before) throw notFound();
      this.kind.checkWrite?.(caller, before);
      const changes = await change(before, transaction);
      const after = await this.documents.change(this.kind.readScope(caller), id, { ...changes, by: { id: caller.id, at: new Date() } }, transaction);
      if (!after) throw notFound();
      await this.kind.afterUpdate?.(before, after, transaction);
      await this.record(transaction, caller, 'update', after, Object.keys(changes.set ?? {}).filter((field) => !INTERNAL_FIELDS.has(field)));
      return after;
    });
  }

  async delete(caller: Caller, id: string): Promise<AiwmDeleted> {
    checkId(id);
    return this.transactions.run(async (transaction) => {
      const before = await this.documents.find(this.kind.readScope(caller), id, transaction);
      if (!before) throw notFound();
      this.kind.checkWrite?.(caller, before);
      await this.kind.beforeDelete?.(before, transaction);
      const deletedAt = new Date();
      const after = await this.documents.delete(this.kind.readScope(caller), id, { id: caller.id, at: deletedAt }, transaction, this.kind.deletionRaises);
      if (!after) throw notFound();
      await this.kind.afterDelete?.(after, transaction);
      await this.record(transaction, caller, 'delete', after, []);
      return { _id: id, deletedAt: deletedAt.toISOString(), message: `The ${this.kind.type} was deleted` };
    });
  }

  private async record(transaction: Transaction, caller: Caller, verb: string, document: D, fields: readonly string[]): Promise<void> {
    const target = { type: this.kind.type, id: document._id.toHexString(), name: document.name };
    await this.audit.record(transaction, { caller, orgId: document.orgId, action: `${this.kind.type}.${verb}`, target, fields });
  }
}
