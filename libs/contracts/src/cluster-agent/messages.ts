import type { JsonObject, JsonValue } from '../platform/json';

/** Where agents open their socket. */
export const CLUSTER_SOCKET_PATH = '/api/v1/clusters/agent/ws';
/** Base of the HTTP routes of agents. */
export const CLUSTER_AGENT_BASE = '/api/v1/clusters/agent';

/** Close codes of the cluster socket (contract section 3). */
export const CLUSTER_CLOSE = {
  badMessages: 1008,
  restart: 1012,
  keyInvalid: 4401,
  scopeRemoved: 4403,
  stale: 4408,
  replaced: 4409,
  deleted: 4410,
  slowConsumer: 4413,
} as const;

/** `register`: what an agent says of its cluster. Absent fields keep their stored value, null clears. */
export interface ClusterRegisterPayload {
  readonly agent_id: string;
  readonly name: string;
  readonly k8s_version?: string | null;
  readonly hostname?: string | null;
  readonly agent_version?: string | null;
  readonly server_ip?: string | null;
  readonly region?: string | null;
  readonly cloud_provider?: string | null;
  readonly server_specs?: JsonObject | null;
  readonly tunnel_port_config?: JsonObject | null;
  readonly labels?: Readonly<Record<string, string>> | null;
  readonly features?: JsonObject | null;
  readonly metadata?: JsonObject | null;
  /** A hint only: it never gives the agent that cluster. */
  readonly cluster_id?: string | null;
  /** Secret; null or absent keeps the stored one. */
  readonly k8s_service_token?: string | null;
}

export const CLUSTER_TEXT_FIELDS = ['k8s_version', 'hostname', 'agent_version', 'server_ip', 'region', 'cloud_provider'] as const;
export type ClusterTextField = (typeof CLUSTER_TEXT_FIELDS)[number];

/** Descriptive fields of a registration: a field that is not there keeps its value, null clears it. */
export type ClusterDescription = { readonly [F in ClusterTextField]?: string | null } & {
  readonly server_specs?: JsonObject | null;
  readonly tunnel_port_config?: JsonObject | null;
  /** Pairs, because agents choose the names. */
  readonly labels?: readonly ClusterLabel[] | null;
  readonly features?: JsonObject | null;
  readonly metadata?: JsonObject | null;
};

export interface ClusterLabel {
  readonly name: string;
  readonly value: string;
}

export interface ClusterRegistration {
  readonly agentId: string;
  readonly name: string;
  readonly description: ClusterDescription;
  readonly serviceToken: string | undefined;
}

/** A heartbeat or status message, checked. */
export interface ClusterHeartbeat {
  readonly clusterId: string | undefined;
  readonly agentId: string | undefined;
  readonly status: string | undefined;
  readonly tunnelStatus: string | undefined;
  /** undefined: not sent; null: cleared. */
  readonly metadata: JsonObject | null | undefined;
  /** The `prometheus_…`, `loki_…`, `grafana_…`, `opencost_…` fields as sent; undefined when there are none. */
  readonly integrations: JsonObject | undefined;
  readonly workerJoin: JsonObject | null | undefined;
}

export interface ClusterRegisterSuccess {
  readonly cluster_id: string;
  readonly cluster_uuid: string;
  readonly name: string;
  readonly status: 'registered';
  readonly tunnel_url: string;
  readonly api_server: string;
  readonly registered_at: string;
  readonly workspace_id: number;
  readonly heartbeat_interval_seconds: number;
  readonly epoch: number;
}

/** What this controller sends. */
export const CLUSTER_REPLY_TYPES = ['register_success', 'heartbeat_ack', 'pong', 'ping', 'error'] as const;
export type ClusterReplyType = (typeof CLUSTER_REPLY_TYPES)[number];

/** A message to an agent: `payload` is always an object, `request_id` is left out when there was none. */
export interface ClusterReply {
  readonly type: ClusterReplyType;
  readonly request_id?: string;
  readonly payload: object;
  readonly timestamp: string;
}

/** @param atMs milliseconds since 1970 */
export function clusterReply(type: ClusterReplyType, requestId: string | undefined, payload: object, atMs: number): ClusterReply {
  const timestamp = new Date(atMs).toISOString();
  return requestId === undefined ? { type, payload, timestamp } : { type, request_id: requestId, payload, timestamp };
}

/** Types that an agent may send; everything else is answered by one `error`. */
export const CLUSTER_SILENT_TYPES = ['pong', 'gateway_hello_ack', 'backpressure'] as const;
/** Answers of agents to what this replica asked; those for an unknown or finished id are dropped silently. */
export const CLUSTER_ANSWER_TYPES = [
  'proxy_response',
  'proxy_response_header',
  'proxy_response_chunk',
  'proxy_response_end',
  'proxy_response_abort',
  'proxy_error',
  'proxy_websocket_data',
  'proxy_websocket_close',
  'stream_data',
  'stream_window',
  'stream_close',
  'command_ack',
  'command_output',
  'command_result',
] as const;

export type ClusterPresenceState = 'online' | 'stale' | 'offline';
export const CLUSTER_PRESENCE_STATES: readonly ClusterPresenceState[] = ['online', 'stale', 'offline'];
export const CLUSTER_TRANSPORTS = ['websocket', 'http'] as const;
export type ClusterTransport = (typeof CLUSTER_TRANSPORTS)[number];

export interface ClusterPresenceView {
  readonly state: ClusterPresenceState;
  readonly reason: string | null;
  readonly since: string;
  readonly last_seen_at: string | null;
}

export interface ClusterEventView {
  readonly seq: number;
  readonly at: string;
  readonly kind: string;
  readonly from: string | null;
  readonly to: string | null;
  readonly reason: string | null;
  readonly close_code: number | null;
  readonly replica_id: string | null;
  readonly epoch: number;
  readonly remote_address: string | null;
}

/** One item of `GET /api/v1/clusters`. */
export interface ClusterListItem {
  readonly cluster_id: string;
  readonly agent_id: string;
  readonly name: string;
  readonly presence: ClusterPresenceView;
  readonly transport: ClusterTransport | null;
  readonly connection: {
    readonly connected_at: string;
    readonly remote_address: string;
    readonly epoch: number;
    readonly replica_id: string;
    readonly key_id: string;
  } | null;
  readonly k8s_version: string | null;
  readonly hostname: string | null;
  readonly agent_version: string | null;
  readonly server_ip: string | null;
  readonly region: string | null;
  readonly cloud_provider: string | null;
  readonly server_specs: JsonObject | null;
  readonly tunnel_port_config: JsonObject | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly features: JsonObject;
  readonly reported: { readonly status: string | null; readonly tunnel_status: string | null; readonly metadata?: JsonValue; readonly at: string | null };
  readonly has_service_token: boolean;
  readonly tunnel_url: string;
  readonly conditions: readonly string[];
  readonly registered_at: string;
  readonly updated_at: string;
  readonly workspace_id: number;
}

export interface ClusterIntegrationView {
  readonly url: string | null;
  readonly username: string | null;
  readonly has_password: boolean;
}

/** `GET /api/v1/clusters/{id}`. */
export interface ClusterView extends ClusterListItem {
  readonly metadata: JsonObject | null;
  readonly integrations: Readonly<Record<string, ClusterIntegrationView>>;
}
