import { collection, type Transaction } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { InjectConnection } from '@nestjs/mongoose';
import { Types, type Connection } from 'mongoose';
import type { TenantScope } from '../tenancy/tenant';
import { ofOrganization, TenantCollection } from '../tenancy/tenant-collection.repository';
import { TOOLS, type ToolDocument } from './tool.schema';

/** Everybody sees public tools; private ones are seen by `privateOf`, who created them, and by owners, where it is undefined. */
export interface ToolScope extends TenantScope {
  readonly privateOf: string | undefined;
}

function visible({ privateOf, ...scope }: ToolScope) {
  const own = ofOrganization(scope);
  const notOthersPrivate = privateOf === undefined ? {} : { $or: [{ scope: { $ne: 'private' } }, { createdBy: privateOf }] };
  return { $or: [{ $and: [own, notOthersPrivate] }, { scope: 'public' }] };
}

@Injectable()
export class ToolRepository {
  readonly documents: TenantCollection<ToolDocument, ToolScope>;

  constructor(@InjectConnection() private readonly connection: Connection) {
    this.documents = new TenantCollection(connection, TOOLS, { hasType: true, visible });
  }

  /** Counts references to those of the tools that are public or of that organization, and says which, so that deletions at the same time collide. */
  async refer(orgId: string, ids: readonly string[], transaction: Transaction): Promise<ReadonlySet<string>> {
    const match = { _id: { $in: ids.map((id) => new Types.ObjectId(id)) }, isDeleted: false, $or: [{ orgId }, { scope: 'public' as const }] };
    const options = { session: transaction.session };
    const found = await this.tools.find(match, { ...options, projection: { _id: 1 } }).toArray();
    await this.tools.updateMany(match, { $inc: { references: 1 } }, options);
    return new Set(found.map(({ _id }) => String(_id)));
  }

  /** Those that agents may be handed, of any organization, by id. */
  async findActive(ids: readonly string[]): Promise<ReadonlyMap<string, ToolDocument>> {
    if (ids.length === 0) return new Map();
    const match = { _id: { $in: [...new Set(ids)].map((id) => new Types.ObjectId(id)) }, isDeleted: false, status: 'active' as const };
    const found = await this.tools.find(match).toArray();
    return new Map(found.map((one) => [String(one._id), one]));
  }

  private get tools() {
    return collection<ToolDocument>(this.connection, TOOLS);
  }
}
