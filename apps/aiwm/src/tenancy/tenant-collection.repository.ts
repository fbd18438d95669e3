import { collection, type Transaction } from '@agentfleet/platform';
import { notFound } from '../api/ids';
import { Types, type Connection } from 'mongoose';
import type { ListQuery } from '../api/list-query';
import type { Page } from '../api/pages';
import type { TenantScope } from './tenant';
import type { TenantDocument } from './tenant.schema';

/** What a change may set: the document's own fields. */
export type Settable<D> = Partial<Omit<D, keyof TenantDocument>>;

type CounterOf<D> = { [K in keyof D]-?: D[K] extends number ? K : never }[keyof D] & string;

export interface DocumentChange<D> {
  readonly set?: Settable<D>;
  /** Counters that go up by one. */
  readonly raise?: readonly CounterOf<D>[];
  /** Absent: the document does not show who changed it. */
  readonly by?: Stamp;
}

/** Who changes a document, and when. */
export interface Stamp {
  readonly id: string;
  readonly at: Date;
}

type Match = Record<string, unknown>;

const escapeRegExp = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** A list's filters and order as MongoDB wants them; `_id` breaks every tie, so pages never overlap. */
export function listOrder(query: ListQuery): Record<string, 1 | -1> {
  return Object.fromEntries([...query.sort.map(({ field, direction }) => [field, direction] as const), ['_id', -1] as const]);
}

export function filterMatch(filter: ListQuery['filters'][number]): Match {
  switch (filter.kind) {
    case 'contains':
      if (filter.value.includes('\0')) return { [filter.field]: { $in: [] } }; // no name has one, and MongoDB refuses to look
      return { [filter.field]: { $regex: escapeRegExp(filter.value), $options: 'i' } };
    case 'id':
      return { [filter.field]: filter.field === '_id' ? new Types.ObjectId(filter.value) : filter.value };
    case 'equals':
    case 'member':
      return { [filter.field]: filter.value };
  }
}

interface CollectionOptions<Scope> {
  /** Lists count by type too. */
  readonly hasType?: boolean;
  /** Which documents a scope shows; default: those of its organization. */
  readonly visible?: (scope: Scope) => Match;
}

export function ofOrganization({ orgId }: TenantScope): { orgId?: string } {
  return orgId === undefined ? {} : { orgId };
}

/**
 * Storage of one kind of tenant-owned document: every method ANDs the caller's scope with what is asked, and what was
 * deleted is gone from all of them.
 */
export class TenantCollection<D extends TenantDocument, Scope extends TenantScope = TenantScope> {
  constructor(
    private readonly connection: Connection,
    private readonly name: string,
    private readonly options: CollectionOptions<Scope> = {},
  ) {}

  async insert(document: D, transaction: Transaction): Promise<void> {
    await this.documents.insertOne(document, { session: transaction.session });
  }

  async find(scope: Scope, id: string, transaction?: Transaction): Promise<D | undefined> {
    const options = transaction ? { session: transaction.session } : {};
    return (await this.documents.findOne(this.match(scope, { _id: new Types.ObjectId(id) }), options)) ?? undefined;
  }

  /** @throws AppError `not_found` when it is not there for this caller */
  async get(scope: Scope, id: string, transaction?: Transaction): Promise<D> {
    const found = await this.find(scope, id, transaction);
    if (!found) throw notFound();
    return found;
  }

  /** Those of the ids that are live and visible, in no particular order. */
  async findMany(scope: Scope, ids: readonly string[], transaction?: Transaction): Promise<readonly D[]> {
    if (ids.length === 0) return [];
    const options = transaction ? { session: transaction.session } : {};
    const wanted = { _id: { $in: ids.map((id) => new Types.ObjectId(id)) } };
    return this.documents.find(this.match(scope, wanted), options).toArray();
  }

  /** Returns the new document. @throws AppError `not_found` when it is not there for this caller */
  change(scope: Scope, id: string, { set, raise = [], by }: DocumentChange<D>, transaction: Transaction): Promise<D> {
    const fields = { ...set, ...(by ? { updatedAt: by.at, updatedBy: by.id } : {}) };
    return this.updateOne(scope, id, fields, raise, transaction);
  }

  /** From then on no method finds it. Returns it as it is then. @throws AppError `not_found` when it is not there for this caller */
  delete(scope: Scope, id: string, by: Stamp, transaction: Transaction, raise: readonly CounterOf<D>[] = []): Promise<D> {
    return this.updateOne(scope, id, { isDeleted: true, deletedAt: by.at, updatedBy: by.id }, raise, transaction);
  }

  async list(scope: Scope, query: ListQuery, only?: readonly Types.ObjectId[]): Promise<Page<D>> {
    const match = this.listMatch(scope, query, only);
    const [items, groups] = await Promise.all([
      this.documents.find(match).sort(listOrder(query)).skip((query.page - 1) * query.limit).limit(query.limit).toArray(),
      this.documents
        .aggregate<{ _id: { status?: string; type?: string }; count: number }>([
          { $match: match },
          { $group: { _id: { status: '$status', type: '$type' }, count: { $sum: 1 } } },
        ])
        .toArray(),
    ]);
    const byStatus: Record<string, number> = {};
    const byType: Record<string, number> = {};
    let total = 0;
    for (const { _id, count } of groups) {
      total += count;
      if (_id.status !== undefined) byStatus[_id.status] = (byStatus[_id.status] ?? 0) + count;
      if (_id.type !== undefined) byType[_id.type] = (byType[_id.type] ?? 0) + count;
    }
    return { items, total, byStatus, ...(this.options.hasType ? { byType } : {}) };
  }

  /** Ids of everything that a list's filters match. */
  async ids(scope: Scope, query: ListQuery): Promise<readonly Types.ObjectId[]> {
    const found = await this.documents.find(this.listMatch(scope, query), { projection: { _id: 1 } }).toArray();
    return found.map(({ _id }) => _id);
  }

  private listMatch(scope: Scope, query: ListQuery, only?: readonly Types.ObjectId[]): Match {
    const narrowed: Match[] = only ? [{ _id: { $in: only } }] : [];
    return this.match(scope, { $and: [{}, ...narrowed, ...query.filters.map(filterMatch)] });
  }

  private async updateOne(scope: Scope, id: string, set: object, raise: readonly string[], transaction: Transaction): Promise<D> {
    const inc = Object.fromEntries(raise.map((counter) => [counter, 1]));
    const update = { ...(Object.keys(set).length > 0 ? { $set: set } : {}), ...(raise.length > 0 ? { $inc: inc } : {}) };
    const options = { session: transaction.session, returnDocument: 'after' };
    const changed = await this.documents.findOneAndUpdate(this.match(scope, { _id: new Types.ObjectId(id) }), update, options);
    if (!changed) throw notFound();
    return changed;
  }

  private match(scope: Scope, asked: Match): Match {
    return { $and: [(this.options.visible ?? ofOrganization)(scope), asked, { isDeleted: false }] };
  }

  private get documents() {
    return collection<D>(this.connection, this.name) as unknown as CollectionOf<D>; // the driver's types cannot be computed for a type parameter
  }
}

/** The few operations of the driver's collection that are used here, typed by the document. */
interface CollectionOf<D> {
  insertOne(document: D, options: object): Promise<unknown>;
  findOne(match: Match, options?: object): Promise<D | null>;
  find(match: Match, options?: object): Cursor<D>;
  findOneAndUpdate(match: Match, update: object, options: object): Promise<D | null>;
  aggregate<T>(pipeline: object[]): { toArray(): Promise<T[]> };
}
interface Cursor<D> {
  sort(order: object): Cursor<D>;
  skip(count: number): Cursor<D>;
  limit(count: number): Cursor<D>;
  toArray(): Promise<D[]>;
}
