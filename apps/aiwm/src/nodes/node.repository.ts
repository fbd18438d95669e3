import { collection, type Transaction } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { InjectConnection } from '@nestjs/mongoose';
import { Types, type Connection } from 'mongoose';
import { TenantCollection } from '../tenancy/tenant-collection.repository';
import { NODES, type NodeDocument } from './node.schema';

@Injectable()
export class NodeRepository {
  readonly documents: TenantCollection<NodeDocument>;

  constructor(@InjectConnection() private readonly connection: Connection) {
    this.documents = new TenantCollection(connection, NODES);
  }

  /** Counts a reference to a node of that organization, so that a deletion at the same time collides; false when there is none. */
  async refer(orgId: string, id: string, transaction: Transaction): Promise<boolean> {
    const match = { _id: new Types.ObjectId(id), orgId, isDeleted: false };
    const { matchedCount } = await this.nodes.updateOne(match, { $inc: { references: 1 } }, { session: transaction.session });
    return matchedCount === 1;
  }

  private get nodes() {
    return collection<NodeDocument>(this.connection, NODES);
  }
}
