import { checkOrigin, defineEnv, httpUrl, integer, isWildcardHost, list, platformVariables, type EnvOf, type Replica } from '@agentfleet/platform';

/** Every variable of the cluster agent controller. */
export const clusterAgentEnv = defineEnv(
  {
    ...platformVariables,
    CLUSTER_AGENT_PORT: integer({ default: 3306, max: 65_535, doc: 'Port.' }),
    CLUSTER_PUBLIC_URL: httpUrl({ optional: true, doc: 'Address in tunnel_url. Default http://<HOST>:<port>.' }),
    PING_INTERVAL_MS: integer({ default: 30_000, min: 100, doc: 'Period of native pings to agents, ms.' }),
    HEARTBEAT_STALE_MS: integer({ default: 60_000, min: 100, doc: 'Silence after which a socket is closed, ms; at least twice PING_INTERVAL_MS.' }),
    CLUSTER_OFFLINE_GRACE_MS: integer({ default: 60_000, min: 100, doc: 'Time a cluster stays stale after its socket was lost, ms.' }),
    CLUSTER_UNBOUND_TIMEOUT_MS: integer({ default: 300_000, min: 100, doc: 'Time a socket may stay without a cluster, ms.' }),
    CLUSTER_MAX_MESSAGE_BYTES: integer({ default: 1_048_576, min: 1024, doc: 'Largest socket message and HTTP body, bytes.' }),
    CLUSTER_MAX_CONNECTIONS: integer({ default: 10_000, min: 1, doc: 'Open sockets of one key.' }),
    CLUSTER_RATE_LIMIT: integer({ default: 30_000, min: 1, doc: 'Accepted upgrades of one key in 60 s.' }),
    CLUSTER_MAX_SOCKETS: integer({ default: 20_000, min: 1, doc: 'Open sockets of one replica.' }),
    CLUSTER_ALLOWED_ORIGINS: list({ default: [], each: checkOrigin, doc: 'Origins of pages that may open the agents socket; agents send none.' }),
    CLUSTER_EVENTS_RETENTION_DAYS: integer({ default: 30, min: 1, doc: 'Age at which events of clusters are dropped, days.' }),
  },
  (env) =>
    env.HEARTBEAT_STALE_MS >= 2 * env.PING_INTERVAL_MS
      ? []
      : [{ name: 'HEARTBEAT_STALE_MS', problem: `must be at least twice PING_INTERVAL_MS (${env.PING_INTERVAL_MS})` }],
);
export type ClusterAgentEnv = EnvOf<typeof clusterAgentEnv>;

/** What agents and people call this controller; never built from a request's Host header. */
export function publicUrl(env: Pick<ClusterAgentEnv, 'CLUSTER_PUBLIC_URL' | 'HOST'>, replica: Replica): string {
  if (env.CLUSTER_PUBLIC_URL !== undefined) return env.CLUSTER_PUBLIC_URL.replace(/\/+$/, '');
  if (!isWildcardHost(env.HOST)) return replica.internalUrl;
  const url = new URL(replica.internalUrl);
  url.hostname = '127.0.0.1';
  return url.origin;
}
