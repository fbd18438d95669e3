import type { Transaction } from '@agentfleet/platform';
import { Types, type Model } from 'mongoose';
import type { ListQuery } from '../api/list-query';

/** Which documents a caller may see: one organization's, or all. `orPublic` adds tools that everybody may use. */
export interface TenantScope {
  readonly orgId: string | null;
  /** For tools with `scope: public`. */
  readonly orPublic?: boolean;
  /** For tools with `scope: private`: whose are shown; null shows all. */
  readonly privateOf?: string | null;
}

/** What every document of a tenant has, beside its own fields. */
export interface TenantDocument {
  readonly _id: Types.ObjectId;
  readonly orgId: string;
  readonly createdBy: string;
  readonly updatedBy: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly isDeleted: boolean;
  readonly deletedAt: Date | null;
}

export interface Page<D> {
  readonly items: readonly D[];
  readonly total: number;
  readonly byStatus: Readonly<Record<string, number>>;
  readonly byType: Readonly<Record<string, number>>;
}

export function newId(): Types.ObjectId {
  return new Types.ObjectId();
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

function scopeMatch(scope: TenantScope): Match {
  const own: Match = scope.orgId === null ? {} : { orgId: scope.orgId };
  const notOthersPrivate: Match = scope.privateOf == null ? {} : { $or: [{ scope: { $ne: 'private' } }, { createdBy: scope.privateOf }] };
  const visible: Match = { $and: [own, notOthersPrivate] };
  return scope.orPublic ? { $or: [visible, { scope: 'public' }] } : visible;
}

/**
 * Storage of one kind of tenant-owned document: every method ANDs the caller's scope with what is asked, and what was
 * deleted is gone from all of them.
 */
export class TenantCollection<D extends TenantDocument> {
  constructor(private readonly model: Model<D>) {}

  async insert(document: D, transaction: Transaction): Promise<void> {
    await this.collection().insertOne(document, { session: transaction.session });
  }

  async find(scope: TenantScope, id: string, transaction?: Transaction): Promise<D | undefined> {
    const options = transaction ? { session: transaction.session } : {};
    return (await this.collection().findOne(this.match(scope, { _id: new Types.ObjectId(id) }), options)) ?? undefined;
  }

  /** Those of the ids that are live and visible, in no particular order. */
  async findMany(scope: TenantScope, ids: readonly string[], transaction?: Transaction): Promise<readonly D[]> {
    if (ids.length === 0) return [];
    const options = transaction ? { session: transaction.session } : {};
    const wanted = { _id: { $in: ids.map((id) => new Types.ObjectId(id)) } };
    return this.collection().find(this.match(scope, wanted), options).toArray();
  }

  /** Sets fields (and raises counters) and returns the new document; undefined when it is not there for this caller. */
  async update(
    scope: TenantScope,
    id: string,
    changes: { readonly set?: Readonly<Record<string, unknown>>; readonly inc?: Readonly<Record<string, number>> },
    transaction: Transaction,
  ): Promise<D | undefined> {
    const update = { ...(changes.set ? { $set: changes.set } : {}), ...(changes.inc ? { $inc: changes.inc } : {}) };
    const found = await this.collection().findOneAndUpdate(this.match(scope, { _id: new Types.ObjectId(id) }), update, {
      session: transaction.session,
      returnDocument: 'after',
    });
    return found ?? undefined;
  }

  /** Raises a counter in all live documents of an organization that have `value` in `field`; says which. */
  async touchReferring(orgId: string | null, field: string, value: string, counter: string, transaction: Transaction): Promise<readonly D[]> {
    const match = this.match({ orgId }, { [field]: value });
    const found = await this.collection().find(match, { session: transaction.session }).toArray();
    if (found.length > 0) await this.collection().updateMany(match, { $inc: { [counter]: 1 } }, { session: transaction.session });
    return found;
  }

  /** How many live documents have `value` in `field`, in any organization. */
  async countReferring(field: string, value: string, transaction: Transaction): Promise<number> {
    return this.collection().countDocuments(this.match({ orgId: null }, { [field]: value }), { session: transaction.session });
  }

  async list(scope: TenantScope, query: ListQuery, only?: readonly Types.ObjectId[]): Promise<Page<D>> {
    const match = this.listMatch(scope, query, only);
    const [items, groups] = await Promise.all([
      this.collection().find(match).sort(listOrder(query)).skip((query.page - 1) * query.limit).limit(query.limit).toArray(),
      this.collection()
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
    return { items, total, byStatus, byType };
  }

  /** Ids of everything that a list's filters match. */
  async ids(scope: TenantScope, query: ListQuery): Promise<readonly Types.ObjectId[]> {
    const found = await this.collection().find(this.listMatch(scope, query), { projection: { _id: 1 } }).toArray();
    return found.map(({ _id }) => _id);
  }

  private listMatch(scope: TenantScope, query: ListQuery, only?: readonly Types.ObjectId[]): Match {
    const narrowed: Match[] = only ? [{ _id: { $in: only } }] : [];
    return this.match(scope, { $and: [{}, ...narrowed, ...query.filters.map(filterMatch)] });
  }

  private match(scope: TenantScope, asked: Match): Match {
    return { $and: [scopeMatch(scope), asked, { isDeleted: false }] };
  }

  /** The bare driver: documents are written and read as they are, odd keys included. */
  private collection() {
    return this.model.collection as unknown as CollectionOf<D>; // mongoose types its collection without the document
  }
}

/** The few operations of the driver's collection that are used here, typed by the document. */
interface CollectionOf<D> {
  insertOne(document: D, options: object): Promise<unknown>;
  findOne(match: Match, options?: object): Promise<D | null>;
  find(match: Match, options?: object): Cursor<D>;
  findOneAndUpdate(match: Match, update: object, options: object): Promise<D | null>;
  updateMany(match: Match, update: object, options: object): Promise<unknown>;
  countDocuments(match: Match, options: object): Promise<number>;
  aggregate<T>(pipeline: object[]): { toArray(): Promise<T[]> };
}
interface Cursor<D> {
  sort(order: object): Cursor<D>;
  skip(count: number): Cursor<D>;
  limit(count: number): Cursor<D>;
  toArray(): Promise<D[]>;
}
