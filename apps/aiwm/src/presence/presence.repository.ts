import type { Transaction } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { InjectModel } from '@nestjs/mongoose';
import { mongo, Types, type Model } from 'mongoose';
import {
  AGENT_PRESENCE,
  CONTROLLER_CLOCK,
  type AgentPresenceDocument,
  type ControllerClockDocument,
  type ControllerGap,
} from '../agents/agent.schema';

/** One heartbeat on its way to the database. */
export interface HeartbeatFact {
  readonly agentId: string;
  readonly at: Date;
  readonly status: 'online' | 'busy' | 'idle';
  readonly reportedSince: Date;
  /** JSON text; undefined leaves the last metrics. */
  readonly metrics: string | undefined;
}

const CLOCK_ID = 'aiwm';

@Injectable()
export class PresenceRepository {
  constructor(
    @InjectModel(AGENT_PRESENCE) private readonly presence: Model<AgentPresenceDocument>,
    @InjectModel(CONTROLLER_CLOCK) private readonly clock: Model<ControllerClockDocument>,
  ) {}

  async create(agentId: Types.ObjectId, orgId: string, createdAt: Date, transaction: Transaction): Promise<void> {
    const document: AgentPresenceDocument = {
      _id: agentId,
      orgId,
      createdAt,
      connectionCount: 0,
      lastConnectedAt: null,
      lastHeartbeatAt: null,
      reportedStatus: 'online',
      reportedSince: null,
      disconnectedAt: null,
      disconnectReason: null,
      metrics: null,
      metricsAt: null,
      secretLastUsedAt: null,
      previousSecretLastUsedAt: null,
      remembered: [],
      shownStatus: 'never_connected',
      shownAt: createdAt,
    };
    await this.presence.collection.insertOne(document, { session: transaction.session });
  }

  async find(agentId: string): Promise<AgentPresenceDocument | undefined> {
    const found = await this.presence.collection.findOne({ _id: new Types.ObjectId(agentId) });
    return (found as AgentPresenceDocument | null) ?? undefined; // the collection holds nothing else
  }

  async findMany(agentIds: readonly Types.ObjectId[]): Promise<ReadonlyMap<string, AgentPresenceDocument>> {
    const found = await this.presence.collection.find({ _id: { $in: [...agentIds] } }).toArray();
    return new Map(found.map((document) => [String(document._id), document as AgentPresenceDocument])); // as above
  }

  /** Counts one connect; acknowledged before the answer. False when the agent has no presence record. */
  async connected(agentId: string, fact: { at: Date; reportedSince: Date; previousSecret: boolean; remembered: string | undefined }): Promise<boolean> {
    const used = fact.previousSecret ? { previousSecretLastUsedAt: fact.at } : { secretLastUsedAt: fact.at };
    const remember = fact.remembered === undefined ? {} : { $push: { remembered: { $each: [fact.remembered], $slice: -4 } } };
    const { matchedCount } = await this.presence.collection.updateOne(
      { _id: new Types.ObjectId(agentId) },
      {
        $inc: { connectionCount: 1 },
        $max: { lastConnectedAt: fact.at },
        $set: { reportedStatus: 'online', reportedSince: fact.reportedSince, ...used },
        ...(remember as object), // the driver's type wants to know the fields of a schemaless collection
      },
    );
    return matchedCount === 1;
  }

  /** A batch of heartbeats; one bad item does not stop the others. An older one never overwrites a newer one. */
  async heartbeats(facts: readonly HeartbeatFact[]): Promise<void> {
    if (facts.length === 0) return;
    const operations = facts.map((fact) => {
      const metrics = fact.metrics === undefined ? {} : { metrics: fact.metrics, metricsAt: fact.at };
      return {
        updateOne: {
          filter: { _id: new Types.ObjectId(fact.agentId), $or: [{ lastHeartbeatAt: null }, { lastHeartbeatAt: { $lte: fact.at } }] },
          update: { $set: { lastHeartbeatAt: fact.at, reportedStatus: fact.status, reportedSince: fact.reportedSince, ...metrics } },
        },
      };
    });
    try {
      await this.presence.collection.bulkWrite(operations, { ordered: false });
    } catch (error) {
      if (!(error instanceof mongo.MongoBulkWriteError) || error.hasErrorLabel('RetryableWriteError')) throw error;
      // single items were refused for good; all others are written
    }
  }

  async disconnected(agentId: string, at: Date, reason: string | null): Promise<void> {
    await this.presence.collection.updateOne({ _id: new Types.ObjectId(agentId) }, { $set: { disconnectedAt: at, disconnectReason: reason } });
  }

  /** Forgets remembered secrets: a rotation changed the stored hash anyway, this only saves space. */
  async forgetSecrets(agentId: string, transaction: Transaction): Promise<void> {
    const match = { _id: new Types.ObjectId(agentId) };
    await this.presence.collection.updateOne(match, { $set: { remembered: [] } }, { session: transaction.session });
  }

  async gaps(): Promise<readonly ControllerGap[]> {
    const found = await this.clock.collection.findOne({ _id: CLOCK_ID as never });
    return (found as ControllerClockDocument | null)?.gaps ?? []; // the collection holds nothing else
  }

  /** Says that a replica can take heartbeats. A first sign after more than `gapMs` records the gap, once over all replicas. */
  async alive(now: Date, gapMs: number): Promise<void> {
    const match = { _id: CLOCK_ID as never };
    await this.clock.collection.updateOne(
      match,
      [
        {
          $set: {
            gaps: {
              $cond: [
                { $gt: [{ $subtract: [now, { $ifNull: ['$lastAliveAt', now] }] }, gapMs] },
                { $slice: [{ $concatArrays: [{ $ifNull: ['$gaps', []] }, [{ from: '$lastAliveAt', to: now }]] }, -100] },
                { $ifNull: ['$gaps', []] },
              ],
            },
            lastAliveAt: { $max: ['$lastAliveAt', now] },
          },
        },
      ],
      { upsert: true },
    );
  }
}
