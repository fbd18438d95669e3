import { UNREACHABLE_IN_A_ROW, statusOf, type HealthState } from '@agentfleet/health';
import { collection, withPlainErrors, type Transaction } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { InjectConnection } from '@nestjs/mongoose';
import { Types, type Connection, type mongo } from 'mongoose';
import type { HealthDocument } from './health.schema';
import type { CountedUpTo } from './waiting-outcomes';

export interface StoredHealth {
  readonly agentId: string;
  readonly orgId: string;
  readonly name: string;
  readonly version: number;
  readonly state: HealthState;
  /** How far the outcomes of each replica are in it, newest writer first. */
  readonly counted: readonly CountedUpTo[];
}

/** The health records of agents. None is ever made but with its agent: a late outcome must not bring one back. */
@Injectable()
export class HealthRepository {
  constructor(@InjectConnection() private readonly connection: Connection) {}

  private get collection() {
    return collection<HealthDocument>(this.connection, 'vps_agent_health');
  }

  async create(tx: Transaction, record: Omit<StoredHealth, 'version' | 'counted'>): Promise<void> {
    const { agentId, orgId, name, state } = record;
    await this.collection.insertOne({ _id: new Types.ObjectId(agentId), orgId, name, version: 1, state, counted: [] }, { session: tx.session });
  }

  /** Replaces the state inside a transaction, whatever its version. */
  async overwrite(tx: Transaction, agentId: string, state: HealthState): Promise<void> {
    await this.collection.updateOne({ _id: new Types.ObjectId(agentId) }, { $set: { state }, $inc: { version: 1 } }, { session: tx.session });
  }

  async remove(tx: Transaction, agentId: string): Promise<void> {
    await this.collection.deleteOne({ _id: new Types.ObjectId(agentId) }, { session: tx.session });
  }

  async findByName(orgId: string, name: string, tx?: Transaction): Promise<StoredHealth | null> {
    const document = await this.collection.findOne({ orgId, name }, tx ? { session: tx.session } : {});
    return document === null ? null : toStored(document);
  }

  async findById(agentId: string): Promise<StoredHealth | null> {
    const document = await this.collection.findOne({ _id: new Types.ObjectId(agentId) });
    return document === null ? null : toStored(document);
  }

  /** By agents' ids; those that are gone are missing. */
  async findMany(agentIds: readonly string[]): Promise<ReadonlyMap<string, StoredHealth>> {
    const documents = await this.collection.find({ _id: { $in: agentIds.map((agentId) => new Types.ObjectId(agentId)) } }).toArray();
    return new Map(documents.map((document) => [document._id.toHexString(), toStored(document)]));
  }

  async list(orgId: string): Promise<readonly StoredHealth[]> {
    const documents = await this.collection.find({ orgId }).toArray();
    return documents.map(toStored);
  }

  /** Of all organizations, for the gauge; only what the status is computed from. */
  async listAllStates(): Promise<readonly HealthState[]> {
    const documents = await this.collection.find({}, { projection: { state: 1 } }).toArray();
    return documents.map((document) => document.state);
  }

  /** Records of all organizations whose status is `unreachable`. */
  async listUnreachable(): Promise<readonly StoredHealth[]> {
    const documents = await this.collection.find({ 'state.consecutiveConnectionFailures': { $gte: UNREACHABLE_IN_A_ROW }, 'state.reachedByProbe': false }).toArray();
    return documents.map(toStored).filter(({ state }) => statusOf(state) === 'unreachable');
  }

  /** True when the record still had that version. */
  async replaceIf(agentId: string, version: number, state: HealthState): Promise<boolean> {
    const result = await this.collection.updateOne({ _id: new Types.ObjectId(agentId), version }, { $set: { state, version: version + 1 } });
    return result.matchedCount === 1;
  }

  /**
   * Replaces records that still have the version before, all in one write.
   * @returns how many.
   */
  async replaceMany(records: readonly StoredHealth[]): Promise<number> {
    if (records.length === 0) return 0;
    const operations = records.map(({ agentId, version, state, counted }): mongo.AnyBulkWriteOperation<HealthDocument> => ({
      updateOne: { filter: { _id: new Types.ObjectId(agentId), version: version - 1 }, update: { $set: { state, version, counted } } },
    }));
    return (await withPlainErrors(this.collection.bulkWrite(operations, { ordered: false }))).matchedCount;
  }
}

function toStored({ _id, orgId, name, version, state, counted }: HealthDocument): StoredHealth {
  return { agentId: _id.toHexString(), orgId, name, version, state, counted: counted ?? [] };
}
