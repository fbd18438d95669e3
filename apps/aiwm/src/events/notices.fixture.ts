import type { NoticeMap } from '@agentfleet/contracts';
import type { RunningApp } from '@agentfleet/platform';

const at = '2026-01-01T00:00:00.000Z';

/** What event streams forward; `mark` tells one from another. */
export function forwardedNotices(orgId: string, mark: string) {
  const cluster = { orgId, clusterId: mark, agentId: mark, epoch: 1, at };
  return {
    'agent.presence.changed': { orgId, agentId: mark, from: 'online', to: 'stale', reason: 'heartbeat_late', at },
    'agent.configuration.changed': { orgId, agentId: mark, configRevision: 2, at },
    'audit.recorded': { orgId, auditId: mark, action: 'agent.update', target: { type: 'agent', id: mark, name: mark }, actor: { kind: 'user', id: mark, name: mark }, at },
    'vps.health.changed': { orgId, agentName: mark, from: 'healthy', to: 'unreachable', circuit: { state: 'open', opened_at: at, retry_at: null }, at },
    'cluster.connected': { ...cluster, name: mark, replicaId: null, transport: 'websocket', features: {} },
    'cluster.disconnected': { ...cluster, name: mark, reason: null, closeCode: 1006 },
    'cluster.presence.changed': { ...cluster, from: 'online', to: 'offline', reason: null },
  } as const satisfies Partial<NoticeMap>;
}

/** As whoever reaches Redis may send it. */
export function emitRaw({ services }: RunningApp, pattern: string, data: unknown): void {
  void services.bus.redis.publish(`${services.bus.prefix}${pattern}`, JSON.stringify({ pattern: `${services.bus.prefix}${pattern}`, data }));
}
