import type { Transaction } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { InjectModel } from '@nestjs/mongoose';
import { Types, type Model } from 'mongoose';
import { TenantCollection } from '../tenancy/tenant-collection.repository';
import { NODES, type NodeDocument } from './node.schema';

@Injectable()
export class NodeRepository {
  readonly documents: TenantCollection<NodeDocument>;

  constructor(@InjectModel(NODES) private readonly nodes: Model<NodeDocument>) {
    this.documents = new TenantCollection(nodes);
  }

  /** Counts a reference to a node of that organization, so that a deletion at the same time collides; false when there is none. */
  async refer(orgId: string, id: string, transaction: Transaction): Promise<boolean> {
    const match = { _id: new Types.ObjectId(id), orgId, isDeleted: false };
    const { matchedCount } = await this.nodes.collection.updateOne(match, { $inc: { references: 1 } }, { session: transaction.session });
    return matchedCount === 1;
  }
}
