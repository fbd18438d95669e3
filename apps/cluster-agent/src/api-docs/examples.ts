import type { ClusterEventView, ClusterListItem, ClusterRegisterPayload, ClusterView } from '@agentfleet/contracts';
import type { HeartbeatAnswerDto, HeartbeatDto, PollAnswerDto, RegisteredClusterDto, TunnelInfoDto } from '../agents/agent.dto';

/** Examples of the API's documentation, of one cluster. */

export const CLUSTER_ID = '3b241101-e2bb-4255-8caf-4136c566a962';
const REGISTERED_AT = '2026-02-18T21:30:00.000Z';
const SEEN_AT = '2026-02-18T21:30:05.000Z';
const WORKSPACE_ID = 914402371;
const TUNNEL_URL = `https://fleet.example.com/api/v1/clusters/agent/${CLUSTER_ID}/proxy`;

export const REGISTER_BODY: ClusterRegisterPayload = {
  agent_id: 'agent-eu-1',
  name: 'production-eu',
  k8s_version: 'v1.31.2',
  agent_version: '2.4.0',
  region: 'eu-central-1',
  labels: { env: 'production' },
  features: { commands: true },
};
const FACTS = { name: 'production-eu', status: 'registered', workspace_id: WORKSPACE_ID, registered_at: REGISTERED_AT } as const;
export const REGISTERED: RegisteredClusterDto = {
  success: true,
  message: 'cluster registered',
  cluster_id: CLUSTER_ID,
  cluster_uuid: CLUSTER_ID,
  ...FACTS,
  tunnel_url: TUNNEL_URL,
  api_server: TUNNEL_URL,
  cluster: { id: CLUSTER_ID, uuid: CLUSTER_ID, agent_id: 'agent-eu-1', ...FACTS },
  data: { cluster_id: CLUSTER_ID, status: 'registered', tunnel_url: TUNNEL_URL, registered_at: REGISTERED_AT },
};
export const HEARTBEAT_BODY: HeartbeatDto = { status: 'healthy', metadata: { k8s_nodes: 3, k8s_pods: 42 } };
export const HEARTBEAT_ANSWER: HeartbeatAnswerDto = { success: true, cluster_id: CLUSTER_ID, received_at: SEEN_AT };
export const POLL_ANSWER: PollAnswerDto = { commands: [], poll_interval_seconds: 30, server_time: SEEN_AT };
export const TUNNEL_INFO: TunnelInfoDto = {
  success: true,
  cluster_id: CLUSTER_ID,
  agent_id: 'agent-eu-1',
  tunnel_url: TUNNEL_URL,
  api_server: TUNNEL_URL,
  websocket_url: 'wss://fleet.example.com/api/v1/clusters/agent/ws',
  status: 'online',
  tunnel_status: 'connected',
  ports: {},
  forwards: [],
  poll_frequency: 30,
};

export const LIST_ITEM: ClusterListItem = {
  cluster_id: CLUSTER_ID,
  agent_id: 'agent-eu-1',
  name: 'production-eu',
  presence: { state: 'online', reason: 'registered', since: REGISTERED_AT, last_seen_at: SEEN_AT },
  transport: 'websocket',
  connection: { connected_at: REGISTERED_AT, remote_address: '203.0.113.7', epoch: 1, replica_id: 'cluster-agent-1a2b3c4d', key_id: '67b4f0a2c3d4e5f60718293a' },
  k8s_version: 'v1.31.2',
  hostname: null,
  agent_version: '2.4.0',
  server_ip: null,
  region: 'eu-central-1',
  cloud_provider: null,
  server_specs: null,
  tunnel_port_config: null,
  labels: { env: 'production' },
  features: { commands: true },
  reported: { status: 'healthy', tunnel_status: null, at: SEEN_AT },
  has_service_token: false,
  tunnel_url: TUNNEL_URL,
  conditions: [],
  registered_at: REGISTERED_AT,
  updated_at: SEEN_AT,
  workspace_id: WORKSPACE_ID,
};
export const CLUSTER: ClusterView = {
  ...LIST_ITEM,
  reported: { ...LIST_ITEM.reported, metadata: { k8s_nodes: 3, k8s_pods: 42 } },
  metadata: null,
  integrations: { grafana: { url: 'https://grafana.example.com', username: null, has_password: true } },
};
export const CLUSTER_LIST = { data: [LIST_ITEM], pagination: { page: 1, limit: 10, total: 1 } };
const EVENT: ClusterEventView = {
  seq: 1,
  at: REGISTERED_AT,
  kind: 'registered',
  from: null,
  to: 'online',
  reason: 'registered',
  close_code: null,
  replica_id: 'cluster-agent-1a2b3c4d',
  epoch: 1,
  remote_address: '203.0.113.7',
};
export const EVENT_LIST = { data: [EVENT] };
