import { collection, type Transaction } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { InjectConnection } from '@nestjs/mongoose';
import { Types, type Connection } from 'mongoose';
import { TenantCollection } from '../tenancy/tenant-collection.repository';
import { INSTRUCTIONS, type InstructionDocument } from './instruction.schema';

@Injectable()
export class InstructionRepository {
  readonly documents: TenantCollection<InstructionDocument>;

  constructor(@InjectConnection() private readonly connection: Connection) {
    this.documents = new TenantCollection(connection, INSTRUCTIONS);
  }

  /** Counts a reference to a usable instruction of that organization, so that a deletion at the same time collides; false when there is none. */
  async refer(orgId: string, id: string, transaction: Transaction): Promise<boolean> {
    const match = { _id: new Types.ObjectId(id), orgId, isDeleted: false, status: 'active' as const };
    const { matchedCount } = await this.instructions.updateOne(match, { $inc: { references: 1 } }, { session: transaction.session });
    return matchedCount === 1;
  }

  /** Those that agents may be handed, of any organization, by id. */
  async findActive(ids: readonly string[]): Promise<ReadonlyMap<string, InstructionDocument>> {
    if (ids.length === 0) return new Map();
    const match = { _id: { $in: [...new Set(ids)].map((id) => new Types.ObjectId(id)) }, isDeleted: false, status: 'active' as const };
    const found = await this.instructions.find(match).toArray();
    return new Map(found.map((one) => [String(one._id), one]));
  }

  private get instructions() {
    return collection<InstructionDocument>(this.connection, INSTRUCTIONS);
  }
}
