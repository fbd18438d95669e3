import { collection, withPlainErrors, type Transaction } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { InjectConnection } from '@nestjs/mongoose';
import type { Connection, mongo } from 'mongoose';
import { CLUSTER_EVENTS, CLUSTERS, type ClusterEventRecord, type ClusterRecord } from '../records/cluster.schema';
import type { ChangeGroup, OwnedCluster, WantedChange } from './change-group';

const EVENTS_KEPT = 1000;

/** The newest heartbeat of a cluster; undefined fields stay as they are stored. */
export interface HeartbeatWrite {
  readonly clusterId: string;
  /** The binding that it came over; null over HTTP. A newer binding makes the write void. */
  readonly epoch: number | null;
  readonly at: Date;
  /** false: only a sign of life. */
  readonly isReport: boolean;
  readonly status: string | undefined;
  readonly tunnelStatus: string | undefined;
  readonly metadata: string | null | undefined;
  readonly integrations: string | undefined;
  readonly workerJoin: string | null | undefined;
}

const STATE_FIELDS = {
  org_id: 1,
  agent_id: 1,
  name: 1,
  features: 1,
  registered_at: 1,
  epoch: 1,
  event_seq: 1,
  owner_replica: 1,
  owner_socket: 1,
  transport: 1,
  connection: 1,
  presence: 1,
  lost_at: 1,
  replaced_at: 1,
  duplicate_until: 1,
} as const;

/** Ownership, presence and events of clusters. */
@Injectable()
export class PresenceRepository {
  constructor(@InjectConnection() private readonly connection: Connection) {}

  private get clusters() {
    return collection<ClusterRecord>(this.connection, CLUSTERS);
  }

  private get events() {
    return collection<ClusterEventRecord>(this.connection, CLUSTER_EVENTS);
  }

  /** Every cluster that the changes name, by its id or by the agent or name of a registration. */
  async clustersOf(changes: readonly WantedChange[], { session }: Transaction): Promise<readonly OwnedCluster[]> {
    const ids = new Set<string>();
    const byOrganization = new Map<string, { agents: Set<string>; names: Set<string> }>();
    for (const change of changes) {
      if (!('registration' in change)) {
        ids.add(change.clusterId);
        continue;
      }
      const { orgId, said } = change.registration;
      let wanted = byOrganization.get(orgId);
      if (!wanted) byOrganization.set(orgId, (wanted = { agents: new Set(), names: new Set() }));
      wanted.agents.add(said.agentId);
      wanted.names.add(said.name);
    }
    const clauses: mongo.Filter<ClusterRecord>[] = ids.size > 0 ? [{ _id: { $in: [...ids] } }] : [];
    for (const [org_id, { agents, names }] of byOrganization) clauses.push({ org_id, agent_id: { $in: [...agents] } }, { org_id, name: { $in: [...names] } });
    const filter = clauses.length === 1 && clauses[0] ? clauses[0] : { $or: clauses };
    return this.clusters.find(filter, { session }).project<OwnedCluster>(STATE_FIELDS).toArray();
  }

  async write({ inserts, updates, happened, now }: ChangeGroup, { session }: Transaction): Promise<void> {
    const writes = [...updates].map(([id, fields]) => ({ updateOne: { filter: { _id: id }, update: { $set: { ...fields, updated_at: now } } } }));
    if (writes.length > 0) await withPlainErrors(this.clusters.bulkWrite(writes, { session, ordered: false }));
    if (inserts.size > 0) await withPlainErrors(this.clusters.insertMany([...inserts.values()], { session }));
    if (happened.length > 0) await withPlainErrors(this.events.insertMany(happened.map(({ event }) => event), { session }));
  }

  /** Writes what matches its binding; `false` when some did not (superseded or deleted). */
  async writeHeartbeats(writes: readonly HeartbeatWrite[]): Promise<boolean> {
    const operations = writes.map((write) => ({
      updateOne: {
        filter: { _id: write.clusterId, ...(write.epoch === null ? {} : { epoch: write.epoch }) },
        update: { $max: { 'presence.last_seen_at': write.at }, ...reportOf(write) },
      },
    }));
    const dotted = operations as object[] as Parameters<typeof this.clusters.bulkWrite>[0]; // the record's type knows no dotted paths
    const result = await withPlainErrors(this.clusters.bulkWrite(dotted, { ordered: false }));
    return result.matchedCount === writes.length;
  }

  /** Current epochs; clusters that do not exist any more are missing. */
  async epochsOf(ids: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const found = await this.clusters.find({ _id: { $in: [...ids] } }).project<Pick<ClusterRecord, '_id' | 'epoch'>>({ epoch: 1 }).toArray();
    return new Map(found.map(({ _id, epoch }) => [_id, epoch]));
  }

  async notePoll(clusterId: string, at: Date): Promise<void> {
    await this.clusters.updateOne({ _id: clusterId }, { $max: { last_polled_at: at } });
  }

  /** Stale clusters whose socket was lost that long ago. */
  overdue(lostBefore: Date, limit: number): Promise<string[]> {
    return this.ids({ 'presence.state': 'stale', lost_at: { $lte: lostBefore } }, limit);
  }

  /** Clusters that use HTTP only and were not heard since. */
  silentOverHttp(seenBefore: Date, offlineBefore: Date, limit: number): Promise<string[]> {
    const states = [
      { 'presence.state': 'online', 'presence.last_seen_at': { $lte: seenBefore } },
      { 'presence.state': 'stale', 'presence.last_seen_at': { $lte: offlineBefore } },
    ];
    return this.ids({ transport: 'http', owner_replica: null, $or: states }, limit);
  }

  /** Replicas that own clusters. */
  async owners(): Promise<readonly string[]> {
    const owners: unknown[] = await this.clusters.distinct('owner_replica', { owner_replica: { $ne: null } });
    return owners.filter((owner): owner is string => typeof owner === 'string');
  }

  ownedBy(replicaId: string, limit: number): Promise<string[]> {
    return this.ids({ owner_replica: replicaId }, limit);
  }

  async dropOldEvents(before: Date): Promise<void> {
    await this.events.deleteMany({ at: { $lt: before } });
  }

  async trimEvents(clusterId: string, newestSeq: number): Promise<void> {
    await this.events.deleteMany({ cluster_id: clusterId, seq: { $lte: newestSeq - EVENTS_KEPT } });
  }

  private async ids(filter: object, limit: number): Promise<string[]> {
    const found = await this.clusters.find(filter).project<{ _id: string }>({ _id: 1 }).limit(limit).toArray();
    return found.map(({ _id }) => _id);
  }
}

function reportOf(write: HeartbeatWrite): object {
  if (!write.isReport) return {};
  return {
    $set: {
      'reported.at': write.at,
      ...(write.status === undefined ? {} : { 'reported.status': write.status }),
      ...(write.tunnelStatus === undefined ? {} : { 'reported.tunnel_status': write.tunnelStatus }),
      ...(write.metadata === undefined ? {} : { 'reported.metadata': write.metadata }),
      ...(write.integrations === undefined ? {} : { integrations: write.integrations }),
      ...(write.workerJoin === undefined ? {} : { worker_join: write.workerJoin }),
    },
  };
}
