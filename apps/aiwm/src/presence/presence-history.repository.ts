import { collection, isDuplicateKey } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { InjectConnection } from '@nestjs/mongoose';
import { Types, type Connection } from 'mongoose';
import { PRESENCE_HISTORY, type PresenceHistoryDocument } from './presence-history.schema';
import { AGENT_PRESENCE, type AgentPresenceDocument, type PresenceTransition } from './presence.schema';

/** Changes of presence: what was last recorded of each agent, and the history of it. */
@Injectable()
export class PresenceHistoryRepository {
  constructor(@InjectConnection() private readonly connection: Connection) {}

  /** Records whose presence may have changed by the passing of time, or because nobody recorded the change yet. */
  async candidates(): Promise<readonly AgentPresenceDocument[]> {
    const seen = { $max: ['$lastConnectedAt', '$lastHeartbeatAt'] };
    const match = {
      lastConnectedAt: { $ne: null },
      isGone: { $ne: true },
      $or: [{ shownStatus: { $ne: 'offline' as const } }, { unwritten: { $type: 'object' as const } }, { $expr: { $gt: [seen, '$shownAt'] } }],
    };
    return this.presence.find(match, { projection: { metrics: 0, remembered: 0 } }).toArray();
  }

  async records(ids: readonly string[]): Promise<readonly AgentPresenceDocument[]> {
    return this.presence.find({ _id: { $in: ids.map((id) => new Types.ObjectId(id)) } }).toArray();
  }

  /** Deleted agents are looked at no more. */
  async gone(ids: readonly Types.ObjectId[]): Promise<void> {
    if (ids.length > 0) await this.presence.updateMany({ _id: { $in: [...ids] } }, { $set: { isGone: true } });
  }

  /** Claims the transition for this replica; false when another one recorded it, or a later one, before. */
  async claim(record: AgentPresenceDocument, transition: PresenceTransition): Promise<boolean> {
    const match = { _id: record._id, shownStatus: record.shownStatus ?? { $exists: false }, shownAt: record.shownAt ?? { $exists: false } };
    const set = { shownStatus: transition.to, shownAt: transition.at, unwritten: transition };
    return (await this.presence.updateOne(match, { $set: set })).modifiedCount === 1;
  }

  /** Writes what was claimed; a second time (after a crash in between) does no harm. False when it was there already. */
  async write(record: Pick<AgentPresenceDocument, '_id' | 'orgId'>, transition: PresenceTransition): Promise<boolean> {
    const agentId = record._id.toHexString();
    const { from, to, reason, detail, at } = transition;
    const document: PresenceHistoryDocument = { _id: `${agentId}:${at.getTime()}:${from}:${to}`, agentId, orgId: record.orgId, from, to, reason, detail, at };
    let isNew = true;
    try {
      await this.history.insertOne(document);
    } catch (error) {
      if (!isDuplicateKey(error)) throw error;
      isNew = false;
    }
    await this.presence.updateOne({ _id: record._id, 'unwritten.at': at, 'unwritten.to': to }, { $set: { unwritten: null } });
    return isNew;
  }

  async newest(agentId: string, limit: number): Promise<readonly PresenceTransition[]> {
    return this.history.find({ agentId }).sort({ at: -1, _id: -1 }).limit(limit).toArray();
  }

  async countByStatus(): Promise<ReadonlyMap<string, number>> {
    const pipeline = [{ $match: { isGone: { $ne: true } } }, { $group: { _id: { $ifNull: ['$shownStatus', 'never_connected'] }, count: { $sum: 1 } } }];
    const groups = await this.presence.aggregate<{ _id: string; count: number }>(pipeline).toArray();
    return new Map(groups.map(({ _id, count }) => [_id, count]));
  }

  private get presence() {
    return collection<AgentPresenceDocument>(this.connection, AGENT_PRESENCE);
  }

  private get history() {
    return collection<PresenceHistoryDocument>(this.connection, PRESENCE_HISTORY);
  }
}
