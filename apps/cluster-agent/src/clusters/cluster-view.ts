import {
  type ClusterEventView,
  type ClusterIntegrationView,
  type ClusterListItem,
  type ClusterPresenceView,
  type ClusterView,
  type JsonObject,
} from '@agentfleet/contracts';
import type { ClusterEventRecord, ClusterRecord } from '../records/cluster.schema';
import { storedObject, tunnelUrl, workspaceId } from '../records/stored-cluster';

export function presenceView({ presence }: ClusterRecord): ClusterPresenceView {
  const { state, reason, since, last_seen_at } = presence;
  return { state, reason, since: since.toISOString(), last_seen_at: last_seen_at?.toISOString() ?? null };
}

/** Answers are built field by field: a record's secrets are not among them. */
export function listItem(record: ClusterRecord, publicUrl: string, now: Date): ClusterListItem {
  const { connection } = record;
  return {
    cluster_id: record._id,
    agent_id: record.agent_id,
    name: record.name,
    presence: presenceView(record),
    transport: record.transport,
    connection: connection && {
      connected_at: connection.connected_at.toISOString(),
      remote_address: connection.remote_address,
      epoch: record.epoch,
      replica_id: record.owner_replica ?? '',
      key_id: connection.key_id,
    },
    k8s_version: record.k8s_version,
    hostname: record.hostname,
    agent_version: record.agent_version,
    server_ip: record.server_ip,
    region: record.region,
    cloud_provider: record.cloud_provider,
    server_specs: storedObject(record.server_specs),
    tunnel_port_config: storedObject(record.tunnel_port_config),
    labels: Object.fromEntries(record.labels.map(({ name, value }) => [name, value])),
    features: storedObject(record.features) ?? {},
    reported: {
      status: record.reported.status,
      tunnel_status: record.reported.tunnel_status,
      at: record.reported.at?.toISOString() ?? null,
    },
    has_service_token: record.service_token !== null,
    tunnel_url: tunnelUrl(publicUrl, record._id),
    conditions: record.duplicate_until !== null && record.duplicate_until > now ? ['duplicate_agent'] : [],
    registered_at: record.registered_at.toISOString(),
    updated_at: record.updated_at.toISOString(),
    workspace_id: workspaceId(record.org_id),
  };
}

/** @param integrations what the agent reported, decrypted */
export function clusterView(record: ClusterRecord, publicUrl: string, now: Date, integrations: JsonObject | null): ClusterView {
  const item = listItem(record, publicUrl, now);
  return {
    ...item,
    reported: { ...item.reported, metadata: storedObject(record.reported.metadata) },
    metadata: storedObject(record.metadata),
    integrations: integrationsView(integrations),
  };
}

const INTEGRATIONS = [
  { name: 'prometheus', url: 'prometheus_url', prefix: 'prometheus' },
  { name: 'loki', url: 'loki_url', prefix: 'loki' },
  { name: 'grafana', url: 'grafana_url', prefix: 'grafana' },
  { name: 'opencost', url: 'opencost_base_url', prefix: 'opencost' },
];

function integrationsView(reported: JsonObject | null): Record<string, ClusterIntegrationView> {
  const text = (field: string) => {
    const value = reported?.[field];
    return typeof value === 'string' && value !== '' ? value : null;
  };
  const views = INTEGRATIONS.flatMap(({ name, url, prefix }): [string, ClusterIntegrationView][] => {
    const view = {
      url: withoutUserInfo(text(url)),
      username: text(`${prefix}_username`),
      has_password: text(`${prefix}_password`) !== null || hasPassword(text(url)),
    };
    return view.url !== null || view.username !== null || view.has_password ? [[name, view]] : [];
  });
  return Object.fromEntries(views);
}

const USER_INFO = /^([a-z][a-z0-9+.-]*:)?\/\/[^/?#]*@/i;

function withoutUserInfo(url: string | null): string | null {
  return url?.replace(USER_INFO, '$1//') ?? null;
}

function hasPassword(url: string | null): boolean {
  return url !== null && USER_INFO.test(url);
}

export function eventView(event: ClusterEventRecord): ClusterEventView {
  const { seq, at, kind, from, to, reason, close_code, replica_id, epoch, remote_address } = event;
  return { seq, at: at.toISOString(), kind, from, to, reason, close_code, replica_id, epoch, remote_address };
}
