import type { ClusterRegistration, JsonObject } from '@agentfleet/contracts';
import type { ClusterRecord } from './cluster.schema';

/** A registration as it will be stored. */
export interface StoredRegistration {
  readonly orgId: string;
  readonly said: ClusterRegistration;
  /** What it changes of a record; what it does not mention stays. */
  readonly fields: Partial<ClusterRecord> & { readonly name: string };
  /** About how much there is to write, bytes. */
  readonly bytes: number;
}

const jsonOrNull = (value: JsonObject | null) => (value === null ? null : JSON.stringify(value));

/** @param serviceToken encrypted; undefined keeps the stored one */
export function storedRegistration(orgId: string, said: ClusterRegistration, serviceToken: string | undefined): StoredRegistration {
  const { labels, server_specs, tunnel_port_config, features, metadata, ...texts } = said.description;
  const fields = {
    name: said.name,
    ...texts,
    ...(server_specs === undefined ? {} : { server_specs: jsonOrNull(server_specs) }),
    ...(tunnel_port_config === undefined ? {} : { tunnel_port_config: jsonOrNull(tunnel_port_config) }),
    ...(labels === undefined ? {} : { labels: labels ?? [] }),
    ...(metadata === undefined ? {} : { metadata: jsonOrNull(metadata) }),
    ...(features === undefined ? {} : { features: jsonOrNull(features), feature_names: namesOfFeatures(features) }),
    ...(serviceToken === undefined ? {} : { service_token: serviceToken }),
  };
  return { orgId, said, fields, bytes: sizeOf(fields) };
}

function namesOfFeatures(features: JsonObject | null): string[] {
  const isOn = (value: unknown) => value === true || (Array.isArray(value) && value.length > 0);
  return Object.entries(features ?? {}).flatMap(([name, value]) => (isOn(value) ? [name] : []));
}

function sizeOf({ labels, ...texts }: Partial<ClusterRecord>): number {
  let bytes = 0;
  for (const text of Object.values(texts)) if (typeof text === 'string') bytes += text.length;
  for (const { name, value } of labels ?? []) bytes += name.length + value.length;
  return bytes;
}

/** The record of an agent that registers for the first time. */
export function newRecord(id: string, { orgId, said, fields }: StoredRegistration, now: Date): ClusterRecord {
  return {
    _id: id,
    org_id: orgId,
    agent_id: said.agentId,
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
    ...fields,
  };
}
