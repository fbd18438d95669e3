import { collection, type Transaction } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { InjectConnection } from '@nestjs/mongoose';
import type { Connection } from 'mongoose';
import { CLUSTER_EVENTS, CLUSTERS, type ClusterEventRecord, type ClusterRecord } from './cluster.schema';

/** Whose clusters a method may see: one organization, or all of them (`universe.owner` reading). */
export interface ClusterScope {
  readonly orgId: string;
  readonly allOrganizations: boolean;
}

export interface ClusterQuery {
  readonly presence: string | undefined;
  readonly nameContains: string | undefined;
  readonly agentId: string | undefined;
  readonly labels: readonly { readonly name: string; readonly value: string }[];
  readonly transport: string | undefined;
  readonly feature: string | undefined;
  readonly updatedAfter: Date | undefined;
  readonly sort: 'name' | '-last_seen_at' | 'registered_at';
  readonly skip: number;
  readonly limit: number;
}

const SORTS = {
  name: { name: 1, _id: 1 },
  '-last_seen_at': { 'presence.last_seen_at': -1, _id: 1 },
  registered_at: { registered_at: 1, _id: 1 },
} as const;

const scopeFilter = (scope: ClusterScope) => (scope.allOrganizations ? {} : { org_id: scope.orgId });
const literally = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** Records of clusters: what agents say of themselves. Ownership and presence belong to PresenceRepository. */
@Injectable()
export class ClusterRepository {
  constructor(@InjectConnection() private readonly connection: Connection) {}

  private get clusters() {
    return collection<ClusterRecord>(this.connection, CLUSTERS);
  }

  private get events() {
    return collection<ClusterEventRecord>(this.connection, CLUSTER_EVENTS);
  }

  async find(scope: ClusterScope, clusterId: string): Promise<ClusterRecord | undefined> {
    return (await this.clusters.findOne({ _id: clusterId, ...scopeFilter(scope) })) ?? undefined;
  }

  async list(scope: ClusterScope, query: ClusterQuery): Promise<{ readonly items: readonly ClusterRecord[]; readonly total: number }> {
    const labels = query.labels.map(({ name, value }) => ({ labels: { $elemMatch: { name, value } } }));
    const filter = {
      ...scopeFilter(scope),
      ...(query.presence === undefined ? {} : { 'presence.state': query.presence }),
      ...(query.nameContains === undefined ? {} : { name: { $regex: literally(query.nameContains) } }),
      ...(query.agentId === undefined ? {} : { agent_id: query.agentId }),
      ...(query.transport === undefined ? {} : { transport: query.transport }),
      ...(query.feature === undefined ? {} : { feature_names: query.feature }),
      ...(query.updatedAfter === undefined ? {} : { updated_at: { $gt: query.updatedAfter } }),
      ...(labels.length === 0 ? {} : { $and: labels }),
    };
    const [items, total] = await Promise.all([
      this.clusters
        .find(filter as object) // dotted paths are not in the record's type
        .project<ClusterRecord>({ metadata: 0, 'reported.metadata': 0, worker_join: 0 })
        .sort(SORTS[query.sort])
        .skip(query.skip)
        .limit(query.limit)
        .toArray(),
      this.clusters.countDocuments(filter as object),
    ]);
    return { items, total };
  }

  /** Newest first, only those before `beforeSeq` when it is given. */
  eventsOf(clusterId: string, beforeSeq: number | undefined, limit: number): Promise<ClusterEventRecord[]> {
    const filter = { cluster_id: clusterId, ...(beforeSeq === undefined ? {} : { seq: { $lt: beforeSeq } }) };
    return this.events.find(filter).sort({ seq: -1 }).limit(limit).toArray();
  }

  /** Removes the record and its events; name and `agent_id` are free afterwards. */
  async remove(transaction: Transaction, orgId: string, clusterId: string): Promise<ClusterRecord | undefined> {
    const { session } = transaction;
    const removed = await this.clusters.findOneAndDelete({ _id: clusterId, org_id: orgId }, { session });
    if (removed) await this.events.deleteMany({ cluster_id: clusterId }, { session });
    return removed ?? undefined;
  }

  async countsByPresence(): Promise<ReadonlyMap<string, number>> {
    const groups = await this.clusters.aggregate<{ _id: string; count: number }>([{ $group: { _id: '$presence.state', count: { $sum: 1 } } }]).toArray();
    return new Map(groups.map(({ _id, count }) => [_id, count]));
  }
}
