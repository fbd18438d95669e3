import type { ClusterEventView, ClusterListItem, ClusterView } from '@agentfleet/contracts';
import { CLUSTER_ID, REGISTERED_AT, SEEN_AT, TUNNEL_URL, WORKSPACE_ID } from '../api-docs/example-cluster';

const LIST_ITEM: ClusterListItem = {
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
