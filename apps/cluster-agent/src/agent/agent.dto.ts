import type { ClusterRegisterPayload, JsonObject } from '@agentfleet/contracts';

/** What an agent says of its cluster; absent fields keep their stored value, null clears. Checked by the same rules as on the socket. */
export class RegisterClusterDto implements ClusterRegisterPayload {
  /** 1 to 253 characters; with the organization it identifies the cluster. */
  agent_id!: string;
  /** 1 to 253 characters, unique in the organization. */
  name!: string;
  k8s_version?: string | null;
  hostname?: string | null;
  agent_version?: string | null;
  server_ip?: string | null;
  region?: string | null;
  cloud_provider?: string | null;
  server_specs?: JsonObject | null;
  tunnel_port_config?: JsonObject | null;
  labels?: Readonly<Record<string, string>> | null;
  features?: JsonObject | null;
  metadata?: JsonObject | null;
  cluster_id?: string | null;
  /** Secret; stored encrypted, never returned. */
  k8s_service_token?: string | null;
}

/** All fields are optional; further `prometheus_…`, `loki_…`, `grafana_…`, `opencost_…` fields are taken. */
export class HeartbeatDto {
  agent_id?: string;
  status?: string;
  tunnel_status?: string;
  metadata?: JsonObject | null;
  worker_join?: JsonObject | null;
}
