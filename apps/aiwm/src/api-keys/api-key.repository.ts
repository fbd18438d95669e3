import type { Transaction } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { InjectModel } from '@nestjs/mongoose';
import { Types, type Model } from 'mongoose';
import type { ListQuery } from '../api/list-query';
import { filterMatch, listOrder } from '../tenancy/tenant-collection.repository';
import { API_KEYS, type ApiKeyDocument } from './api-key.schema';

export type ApiKeyChange = Partial<Omit<ApiKeyDocument, '_id' | 'orgId' | 'createdBy' | 'createdAt' | 'updatedAt'>>;

@Injectable()
export class ApiKeyRepository {
  constructor(@InjectModel(API_KEYS) private readonly keys: Model<ApiKeyDocument>) {}

  async insert(document: ApiKeyDocument, transaction: Transaction): Promise<void> {
    await this.keys.collection.insertOne(document, { session: transaction.session });
  }

  async find(orgId: string | null, id: string): Promise<ApiKeyDocument | undefined> {
    const found = await this.keys.collection.findOne(this.match(orgId, id));
    return (found as ApiKeyDocument | null) ?? undefined; // the collection holds nothing else
  }

  async list(orgId: string | null, query: ListQuery): Promise<{ items: readonly ApiKeyDocument[]; total: number }> {
    const { page, limit } = query;
    const match = { $and: [orgId === null ? {} : { orgId }, { revokedAt: null }, ...query.filters.map(filterMatch)] };
    const [found, total] = await Promise.all([
      this.keys.collection.find(match).sort(listOrder(query)).skip((page - 1) * limit).limit(limit).toArray(),
      this.keys.collection.countDocuments(match),
    ]);
    return { items: found as unknown as ApiKeyDocument[], total }; // the collection holds nothing else
  }

  async change(orgId: string | null, id: string, set: ApiKeyChange, transaction: Transaction): Promise<ApiKeyDocument | undefined> {
    const options = { session: transaction.session, returnDocument: 'after' as const };
    const found = await this.keys.collection.findOneAndUpdate(this.match(orgId, id), { $set: { ...set, updatedAt: new Date() } }, options);
    return (found as ApiKeyDocument | null) ?? undefined; // the collection holds nothing else
  }

  async used(orgId: string, ids: readonly string[], at: Date): Promise<void> {
    const wanted = ids.filter((id) => Types.ObjectId.isValid(id)).map((id) => new Types.ObjectId(id));
    await this.keys.collection.updateMany({ _id: { $in: wanted }, orgId }, { $max: { lastUsedAt: at } });
  }

  /** One key that expired and that nobody was notified of yet; marked as notified by whoever gets it. */
  async claimExpired(now: Date): Promise<ApiKeyDocument | undefined> {
    const match = { expiresAt: { $ne: null, $lte: now }, revokedAt: null, $expr: { $ne: ['$expiryToldOf', '$expiresAt'] } };
    const found = await this.keys.collection.findOneAndUpdate(match, [{ $set: { expiryToldOf: '$expiresAt' } }]);
    return (found as ApiKeyDocument | null) ?? undefined; // the collection holds nothing else
  }

  private match(orgId: string | null, id: string) {
    return { _id: new Types.ObjectId(id), ...(orgId === null ? {} : { orgId }), revokedAt: null };
  }
}
