import { collection, type Transaction } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { InjectConnection } from '@nestjs/mongoose';
import { Types, type Connection } from 'mongoose';
import type { ListQuery } from '../api/list-query';
import type { Page } from '../api/pages';
import type { TenantScope } from '../tenancy/tenant';
import { filterMatch, listOrder, ofOrganization } from '../tenancy/tenant-collection.repository';
import { API_KEYS, type ApiKeyDocument } from './api-key.schema';

export type ApiKeyChange = Partial<Omit<ApiKeyDocument, '_id' | 'orgId' | 'createdBy' | 'createdAt'>>;

@Injectable()
export class ApiKeyRepository {
  constructor(@InjectConnection() private readonly connection: Connection) {}

  async insert(document: ApiKeyDocument, transaction: Transaction): Promise<void> {
    await this.keys.insertOne(document, { session: transaction.session });
  }

  async find(scope: TenantScope, id: string): Promise<ApiKeyDocument | undefined> {
    return (await this.keys.findOne(this.match(scope, id))) ?? undefined;
  }

  async list(scope: TenantScope, query: ListQuery): Promise<Page<ApiKeyDocument>> {
    const { page, limit } = query;
    const match = { $and: [ofOrganization(scope), { revokedAt: null }, ...query.filters.map(filterMatch)] };
    const [found, total] = await Promise.all([
      this.keys.find(match).sort(listOrder(query)).skip((page - 1) * limit).limit(limit).toArray(),
      this.keys.countDocuments(match),
    ]);
    return { items: found, total };
  }

  async change(scope: TenantScope, id: string, set: ApiKeyChange, transaction: Transaction): Promise<ApiKeyDocument | undefined> {
    const options = { session: transaction.session, returnDocument: 'after' as const };
    return (await this.keys.findOneAndUpdate(this.match(scope, id), { $set: set }, options)) ?? undefined;
  }

  async used(orgId: string, ids: readonly string[], at: Date): Promise<void> {
    const wanted = ids.filter((id) => Types.ObjectId.isValid(id)).map((id) => new Types.ObjectId(id));
    await this.keys.updateMany({ _id: { $in: wanted }, orgId }, { $max: { lastUsedAt: at } });
  }

  /** One key that expired and that nobody was notified of yet; marked as notified by whoever gets it. */
  async claimExpired(now: Date): Promise<ApiKeyDocument | undefined> {
    const match = { expiresAt: { $ne: null, $lte: now }, revokedAt: null, $expr: { $ne: ['$expiryToldOf', '$expiresAt'] } };
    return (await this.keys.findOneAndUpdate(match, [{ $set: { expiryToldOf: '$expiresAt' } }])) ?? undefined;
  }

  private match(scope: TenantScope, id: string) {
    return { _id: new Types.ObjectId(id), ...ofOrganization(scope), revokedAt: null };
  }

  private get keys() {
    return collection<ApiKeyDocument>(this.connection, API_KEYS);
  }
}
