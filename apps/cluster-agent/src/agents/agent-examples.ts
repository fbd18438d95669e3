import type { ClusterRegisterPayload } from '@agentfleet/contracts';
import { CLUSTER_ID, REGISTERED_AT, SEEN_AT, TUNNEL_URL, WORKSPACE_ID } from '../api-docs/example-cluster';
import type { HeartbeatAnswerDto, HeartbeatDto, PollAnswerDto, RegisteredClusterDto, TunnelInfoDto } from './agent.dto';

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
