import type { AiwmReportedStatus } from '@agentfleet/contracts';
import { collection, refusedOperations, withPlainErrors, type Transaction } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { InjectConnection } from '@nestjs/mongoose';
import { Types, type Connection } from 'mongoose';
import { AGENT_PRESENCE, type AgentPresenceDocument } from './presence.schema';

/** One heartbeat on its way to the database. */
export interface HeartbeatFact {
  readonly agentId: string;
  readonly at: Date;
  readonly status: AiwmReportedStatus;
  readonly reportedSince: Date;
  /** JSON text; undefined leaves the last metrics. */
  readonly metrics: string | undefined;
}

/** One connect to be counted. */
export interface ConnectFact {
  readonly agentId: string;
  readonly at: Date;
  readonly reportedSince: Date;
  /** `jti` of the token in the answer. */
  readonly tokenId: string;
  /** The old secret of an overlap was used. */
  readonly previousSecret: boolean;
  /** The mark of a secret that was verified for the first time. */
  readonly remembered: string | undefined;
}

@Injectable()
export class PresenceRepository {
  constructor(@InjectConnection() private readonly connection: Connection) {}

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
    await this.presence.insertOne(document, { session: transaction.session });
  }

  async find(agentId: string): Promise<AgentPresenceDocument | undefined> {
    return (await this.presence.findOne({ _id: new Types.ObjectId(agentId) })) ?? undefined;
  }

  async findMany(agentIds: readonly string[]): Promise<ReadonlyMap<string, AgentPresenceDocument>> {
    const found = await this.presence.find({ _id: { $in: [...new Set(agentIds)].map((id) => new Types.ObjectId(id)) } }).toArray();
    return new Map(found.map((document) => [String(document._id), document]));
  }

  /** Counts connects; acknowledged before their answers. Says for each whether it is counted: false without a presence record. */
  async connected(facts: readonly ConnectFact[]): Promise<readonly boolean[]> {
    const operations = facts.map(({ agentId, at, reportedSince, tokenId, previousSecret, remembered }) => {
      const used = previousSecret ? { previousSecretLastUsedAt: at } : { secretLastUsedAt: at };
      const update = {
        $inc: { connectionCount: 1 },
        $max: { lastConnectedAt: at },
        $set: { reportedStatus: 'online', reportedSince, newestTokenId: tokenId, ...used },
        ...(remembered === undefined ? {} : { $push: { remembered: { $each: [remembered], $slice: -4 } } }),
      };
      // the driver's type wants to know the fields of a schemaless collection
      return { updateOne: { filter: { _id: new Types.ObjectId(agentId) }, update: update as object } };
    });
    const { matchedCount } = await withPlainErrors(this.presence.bulkWrite(operations, { ordered: false }));
    if (matchedCount === facts.length) return facts.map(() => true);
    const known = await this.findMany(facts.map(({ agentId }) => agentId));
    return facts.map(({ agentId }) => known.has(agentId));
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
      await this.presence.bulkWrite(operations, { ordered: false });
    } catch (error) {
      refusedOperations(error); // single ones that were refused are refused for good; all others are written
    }
  }

  /** False, and nothing changes, when another connect came after the one that got this token. */
  async disconnected(agentId: string, tokenId: string, at: Date, reason: string | undefined): Promise<boolean> {
    const isNewest = [{ newestTokenId: tokenId }, { newestTokenId: { $exists: false } }];
    const match = { _id: new Types.ObjectId(agentId), $or: isNewest };
    const { matchedCount } = await this.presence.updateOne(match, { $set: { disconnectedAt: at, disconnectReason: reason ?? null } });
    return matchedCount > 0;
  }

  /** Forgets remembered secrets: a rotation changed the stored hash anyway, this only saves space. */
  async forgetSecrets(agentId: string, transaction: Transaction): Promise<void> {
    const match = { _id: new Types.ObjectId(agentId) };
    await this.presence.updateOne(match, { $set: { remembered: [] } }, { session: transaction.session });
  }

  private get presence() {
    return collection<AgentPresenceDocument>(this.connection, AGENT_PRESENCE);
  }
}
