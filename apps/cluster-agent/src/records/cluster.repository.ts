import { randomUUID } from 'node:crypto';
import type { ClusterRegistration, JsonObject } from '@agentfleet/contracts';
import { collection, isDuplicateKey, type Transaction } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { InjectConnection } from '@nestjs/mongoose';
import type { Connection } from 'mongoose';
import { CLUSTER_EVENTS, CLUSTERS, type ClusterEventRecord, type ClusterRecord } from './cluster.schema';

const REGISTER_TRIES = 5;

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

export interface Registered {
  readonly clusterId: string;
  readonly registeredAt: Date;
  readonly created: boolean;
  readonly renamedFrom: string | null;
}

const SORTS = {
  name: { name: 1, _id: 1 },
  '-last_seen_at': { 'presence.last_seen_at': -1, _id: 1 },
  registered_at: { registered_at: 1, _id: 1 },
} as const;

const scopeFilter = (scope: ClusterScope) => (scope.allOrganizations ? {} : { org_id: scope.orgId });
const jsonOrNull = (value: JsonObject | null) => (value === null ? null : JSON.stringify(value));
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

  /**
   * Creates or updates the record of (organization, agent). Durable when it resolves; refused as a whole when another
   * agent has the name. Concurrent calls of one agent get one id: unique indexes decide.
   */
  async register(orgId: string, registration: ClusterRegistration, serviceToken: string | undefined, now: Date): Promise<Registered | 'name_taken'> {
    const identity = { org_id: orgId, agent_id: registration.agentId };
    const fields = { ...storedDescription(registration), ...(serviceToken === undefined ? {} : { service_token: serviceToken }), updated_at: now };
    for (let attempt = 1; ; attempt++) {
      try {
        const before = await this.clusters.findOneAndUpdate(identity, { $set: fields }, { projection: { name: 1, registered_at: 1 } });
        if (before) {
          const renamedFrom = before.name === registration.name ? null : before.name;
          return { clusterId: before._id, registeredAt: before.registered_at, created: false, renamedFrom };
        }
        const record = { ...emptyRecord(orgId, registration, now), ...fields };
        await this.clusters.insertOne(record);
        return { clusterId: record._id, registeredAt: now, created: true, renamedFrom: null };
      } catch (error) {
        if (!isDuplicateKey(error) || attempt >= REGISTER_TRIES) throw error;
        // the same agent on another socket was faster, or another agent has the name
        if (isDuplicateKey(error, 'name') && (await this.holdsName(orgId, registration))) return 'name_taken';
      }
    }
  }

  private async holdsName(orgId: string, { name, agentId }: ClusterRegistration): Promise<boolean> {
    const holder = await this.clusters.findOne({ org_id: orgId, name }, { projection: { agent_id: 1 } });
    return holder !== null && holder.agent_id !== agentId;
  }

  async find(scope: ClusterScope, clusterId: string): Promise<ClusterRecord | undefined> {
    return (await this.clusters.findOne({ _id: clusterId, ...scopeFilter(scope) })) ?? undefined;
  }

  /** Only what binding needs. */
  async identityOf(orgId: string, clusterId: string): Promise<{ readonly agentId: string; readonly name: string } | undefined> {
    const found = await this.clusters.findOne({ _id: clusterId, org_id: orgId }, { projection: { agent_id: 1, name: 1 } });
    return found ? { agentId: found.agent_id, name: found.name } : undefined;
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

/** The fields that a registration changes; those that it does not mention stay. */
function storedDescription({ name, description }: ClusterRegistration): Partial<ClusterRecord> {
  const { labels, server_specs, tunnel_port_config, features, metadata, ...texts } = description;
  return {
    name,
    ...texts,
    ...(server_specs === undefined ? {} : { server_specs: jsonOrNull(server_specs) }),
    ...(tunnel_port_config === undefined ? {} : { tunnel_port_config: jsonOrNull(tunnel_port_config) }),
    ...(labels === undefined ? {} : { labels: labels ?? [] }),
    ...(metadata === undefined ? {} : { metadata: jsonOrNull(metadata) }),
    ...(features === undefined ? {} : { features: jsonOrNull(features), feature_names: namesOfFeatures(features) }),
  };
}

function namesOfFeatures(features: JsonObject | null): string[] {
  const isOn = (value: unknown) => value === true || (Array.isArray(value) && value.length > 0);
  return Object.entries(features ?? {}).flatMap(([name, value]) => (isOn(value) ? [name] : []));
}

function emptyRecord(orgId: string, { agentId, name }: ClusterRegistration, now: Date): ClusterRecord {
  return {
    _id: randomUUID(),
    org_id: orgId,
    agent_id: agentId,
    name,
    k8s_version: null,
    hostname: null,
    agent_version: null,
    server_ip: null,
    region: null,
    cloud_provider: null,
    server_specs: null,
    tunnel_port_config: null,
    labels: [],
    features: null,
    feature_names: [],
    metadata: null,
    service_token: null,
    reported: { status: null, tunnel_status: null, metadata: null, at: null },
    integrations: null,
    worker_join: null,
    last_polled_at: null,
    epoch: 0,
    event_seq: 0,
    owner_replica: null,
    owner_socket: null,
    transport: null,
    connection: null,
    presence: { state: 'offline', reason: null, since: now, last_seen_at: null },
    lost_at: null,
    replaced_at: [],
    duplicate_until: null,
    registered_at: now,
    updated_at: now,
  };
}
