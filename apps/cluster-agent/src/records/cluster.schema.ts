import type { ClusterLabel, ClusterPresenceState, ClusterTextField, ClusterTransport } from '@agentfleet/contracts';
import { MongooseModule } from '@nestjs/mongoose';
import { Schema } from 'mongoose';

export const CLUSTERS = 'clusters';
export const CLUSTER_EVENTS = 'cluster_events';

/** The socket by which a cluster is connected. */
export interface Connection {
  readonly connected_at: Date;
  readonly remote_address: string;
  readonly key_id: string;
}

/** What decides who owns a cluster and how it is shown; changed only through `changeCluster` (presence/change.ts). */
export interface ClusterState {
  /** Grows with every binding; a write of an older binding matches nothing. */
  readonly epoch: number;
  /** Number of the newest event. */
  readonly event_seq: number;
  /** The replica and socket that hold the cluster; both null when none does. */
  readonly owner_replica: string | null;
  readonly owner_socket: string | null;
  readonly transport: ClusterTransport | null;
  readonly connection: Connection | null;
  readonly presence: {
    readonly state: ClusterPresenceState;
    readonly reason: string | null;
    readonly since: Date;
    readonly last_seen_at: Date | null;
  };
  /** When the socket of a stale cluster was lost; the grace period counts from here. */
  readonly lost_at: Date | null;
  /** The latest replacements, to tell two machines with one `agent_id`. */
  readonly replaced_at: readonly Date[];
  readonly duplicate_until: Date | null;
}

/** A cluster as it is stored. What agents choose the names of is JSON text or pairs, never document keys. */
export interface ClusterRecord extends ClusterState, Readonly<Record<ClusterTextField, string | null>> {
  /** `cluster_id`: UUID v4, for ever. */
  readonly _id: string;
  readonly org_id: string;
  readonly agent_id: string;
  readonly name: string;
  readonly server_specs: string | null;
  readonly tunnel_port_config: string | null;
  readonly labels: readonly ClusterLabel[];
  readonly features: string | null;
  /** Names of the features that are on, for filters. */
  readonly feature_names: readonly string[];
  readonly metadata: string | null;
  /** Encrypted. */
  readonly service_token: string | null;
  readonly reported: { readonly status: string | null; readonly tunnel_status: string | null; readonly metadata: string | null; readonly at: Date | null };
  /** Encrypted JSON of the `prometheus_…` fields and their like. */
  readonly integrations: string | null;
  /** Encrypted JSON. */
  readonly worker_join: string | null;
  readonly last_polled_at: Date | null;
  readonly registered_at: Date;
  readonly updated_at: Date;
}

export interface ClusterEventRecord {
  readonly cluster_id: string;
  readonly org_id: string;
  readonly seq: number;
  readonly at: Date;
  readonly kind: string;
  readonly from: string | null;
  readonly to: string | null;
  readonly reason: string | null;
  readonly close_code: number | null;
  readonly replica_id: string | null;
  readonly epoch: number;
  readonly remote_address: string | null;
}

/** Documents are written and read through the driver; the schema carries name and indexes. */
function indexed(collection: string, indexes: readonly (readonly [Record<string, 1 | -1>, { unique?: true }?])[], idType: typeof String | undefined): Schema {
  const schema = new Schema(idType ? { _id: idType } : {}, { collection, strict: false, autoIndex: false, autoCreate: false });
  for (const [fields, options] of indexes) schema.index(fields, options ?? {});
  return schema;
}

const clusterSchema = indexed(
  CLUSTERS,
  [
    [{ org_id: 1, agent_id: 1 }, { unique: true }],
    [{ org_id: 1, name: 1 }, { unique: true }],
    [{ org_id: 1, 'presence.state': 1 }],
    [{ org_id: 1, updated_at: -1 }],
    [{ owner_replica: 1 }],
    [{ 'presence.state': 1, lost_at: 1 }],
    [{ transport: 1, 'presence.state': 1, 'presence.last_seen_at': 1 }],
  ],
  String,
);
const clusterEventSchema = indexed(CLUSTER_EVENTS, [[{ cluster_id: 1, seq: 1 }, { unique: true }], [{ at: 1 }]], undefined);

/** The collections of this app, for its module. */
export const clusterCollections = MongooseModule.forFeature([
  { name: CLUSTERS, schema: clusterSchema },
  { name: CLUSTER_EVENTS, schema: clusterEventSchema },
]);
