import { DEFAULT_ORGANIZATION_ID } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import { collection, isDuplicateKey, type Transaction } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { InjectConnection } from '@nestjs/mongoose';
import { Types, type Connection } from 'mongoose';
import type { ListQuery } from '../api/list-query';
import type { Page } from '../api/pages';
import type { TenantScope } from '../tenancy/tenant';
import { filterMatch, listOrder } from '../tenancy/tenant-collection.repository';
import { ORGANIZATIONS, type OrganizationDocument } from './organization.schema';

/** What makes an organization not empty; agents and the like count only while they live. */
const OWNED_LIVE = ['users', 'agents', 'instructions', 'tools', 'nodes'] as const;
const OWNED = ['clusters', 'vps_agents', 'vps_sessions', 'gateway_sessions'] as const;

const nameTaken = () => new AppError('conflict', { message: 'An organization of this name exists already' });

export type OrganizationChange = Partial<Pick<OrganizationDocument, 'name' | 'description'>> & Pick<OrganizationDocument, 'updatedAt'>;

@Injectable()
export class OrganizationRepository {
  constructor(@InjectConnection() private readonly connection: Connection) {}

  /** @throws AppError `conflict` when the name is taken */
  async insert(document: OrganizationDocument, transaction: Transaction): Promise<void> {
    try {
      await this.organizations.insertOne(document, { session: transaction.session });
    } catch (error) {
      throw isDuplicateKey(error) ? nameTaken() : error;
    }
  }

  /** The organization that exists from the start; any number of replicas may try. */
  async ensureDefault(now: Date): Promise<void> {
    const match = { _id: new Types.ObjectId(DEFAULT_ORGANIZATION_ID) };
    const document = { name: 'default', description: '', createdAt: now, updatedAt: now };
    await this.organizations.updateOne(match, { $setOnInsert: document }, { upsert: true });
  }

  /** Of two transactions that decide at the same time who owns an organization, one collides here and is asked again. */
  async markOwnerChange(id: string, transaction: Transaction): Promise<void> {
    await this.organizations.updateOne({ _id: new Types.ObjectId(id) }, { $inc: { ownerChanges: 1 } }, { session: transaction.session });
  }

  async find({ orgId }: TenantScope, id: string): Promise<OrganizationDocument | undefined> {
    if (orgId !== undefined && orgId !== id) return undefined;
    return (await this.organizations.findOne({ _id: new Types.ObjectId(id) })) ?? undefined;
  }

  async list({ orgId }: TenantScope, query: ListQuery): Promise<Page<OrganizationDocument>> {
    const { page, limit } = query;
    const match = { $and: [orgId === undefined ? {} : { _id: new Types.ObjectId(orgId) }, ...query.filters.map(filterMatch)] };
    const [found, total] = await Promise.all([
      this.organizations.find(match).sort(listOrder(query)).skip((page - 1) * limit).limit(limit).toArray(),
      this.organizations.countDocuments(match),
    ]);
    return { items: found, total };
  }

  /** @throws AppError `conflict` when the name is taken */
  async change(id: string, set: OrganizationChange, transaction: Transaction): Promise<OrganizationDocument | undefined> {
    try {
      const options = { session: transaction.session, returnDocument: 'after' as const };
      const found = await this.organizations.findOneAndUpdate({ _id: new Types.ObjectId(id) }, { $set: set }, options);
      return found ?? undefined;
    } catch (error) {
      throw isDuplicateKey(error) ? nameTaken() : error;
    }
  }

  /** Names of the kinds of things that still belong to it. */
  async contents(id: string, transaction: Transaction): Promise<readonly string[]> {
    const options = { session: transaction.session, projection: { _id: 1 } };
    const found: string[] = [];
    for (const name of OWNED_LIVE) {
      if (await collection(this.connection, name).findOne({ orgId: id, isDeleted: false }, options)) found.push(name);
    }
    for (const name of OWNED) {
      if (await collection(this.connection, name).findOne({ $or: [{ orgId: id }, { org_id: id }] }, options)) found.push(name);
    }
    if (await collection(this.connection, 'api_keys').findOne({ orgId: id, revokedAt: null }, options)) found.push('api_keys');
    return found;
  }

  /** False when it is gone already. */
  async delete(id: string, transaction: Transaction): Promise<boolean> {
    const { deletedCount } = await this.organizations.deleteOne({ _id: new Types.ObjectId(id) }, { session: transaction.session });
    return deletedCount > 0;
  }

  private get organizations() {
    return collection<OrganizationDocument>(this.connection, ORGANIZATIONS);
  }
}
