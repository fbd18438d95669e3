import { UNREACHABLE_IN_A_ROW, statusOf, type HealthState } from '@agentfleet/health';
import { collection, withPlainErrors, type Transaction } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { InjectConnection } from '@nestjs/mongoose';
import { Types, type Connection, type mongo } from 'mongoose';
import type { HealthDocument } from './health.schema';

export interface StoredHealth {
  readonly agentId: string;
  readonly orgId: string;
  readonly name: string;
  readonly version: number;
  readonly state: HealthState;
}

/** Successes of an agent that was healthy before: they only add up, in whatever order replicas write them. */
export interface SuccessSum {
  readonly agentId: string;
  readonly count: number;
  readonly totalResponseMs: number;
  /** When the earliest of these calls began; older than the record's epoch they are dropped. */
  readonly startedAtMs: number;
  readonly lastSuccessAtMs: number;
}

/** The health records of agents. None is ever made but with its agent: a late outcome must not bring one back. */
@Injectable()
export class HealthRepository {
  constructor(@InjectConnection() private readonly connection: Connection) {}

  private get collection() {
    return collection<HealthDocument>(this.connection, 'vps_agent_health');
  }

  async create(tx: Transaction, record: Omit<StoredHealth, 'version'>): Promise<void> {
    const { agentId, orgId, name, state } = record;
    await this.collection.insertOne({ _id: new Types.ObjectId(agentId), orgId, name, version: 1, state }, { session: tx.session });
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

  async listStates(orgId: string): Promise<readonly HealthState[]> {
    const documents = await this.collection.find({ orgId }, { projection: { state: 1 } }).toArray();
    return documents.map((document) => document.state);
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

  /** Adds successes. A success closes the circuit and ends every row of failures, also one that another replica just saw. */
  async addSuccesses(sums: readonly SuccessSum[]): Promise<void> {
    if (sums.length === 0) return;
    const operations = sums.map((sum): mongo.AnyBulkWriteOperation<HealthDocument> => ({
      updateOne: {
        filter: { _id: new Types.ObjectId(sum.agentId), 'state.epochMs': { $lte: sum.startedAtMs } },
        update: {
          $inc: { version: 1, 'state.requests': sum.count, 'state.totalResponseMs': sum.totalResponseMs },
          $max: { 'state.lastSuccessAtMs': sum.lastSuccessAtMs },
          $set: {
            'state.consecutiveFailures': 0,
            'state.consecutiveConnectionFailures': 0,
            'state.reachedByProbe': false,
            'state.circuit': { state: 'closed' },
          },
        },
      },
    }));
    await withPlainErrors(this.collection.bulkWrite(operations, { ordered: false }));
  }
}

function toStored({ _id, orgId, name, version, state }: HealthDocument): StoredHealth {
  return { agentId: _id.toHexString(), orgId, name, version, state };
}
