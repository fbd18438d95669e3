import { round2, statusOf, type HealthState, type HealthStatus } from './health-state';

export type FleetStatus = 'no_agents' | 'healthy' | 'degraded' | 'unhealthy';

/** The health of all agents of an organization in one look. */
export interface HealthSummary {
  readonly status: FleetStatus;
  readonly total: number;
  readonly byStatus: Readonly<Record<HealthStatus, number>>;
  /** 100 × failures / requests over all agents, two decimals; 0 without requests. */
  readonly errorRate: number;
}

export function summarise(states: readonly HealthState[]): HealthSummary {
  const byStatus: Record<HealthStatus, number> = { healthy: 0, degraded: 0, unhealthy: 0, unreachable: 0 };
  let requests = 0;
  let failures = 0;
  for (const state of states) {
    byStatus[statusOf(state)]++;
    requests += state.requests;
    failures += state.failures;
  }
  const errorRate = requests === 0 ? 0 : round2((100 * failures) / requests);
  return { status: fleetStatus(byStatus, states.length), total: states.length, byStatus, errorRate };
}

function fleetStatus(byStatus: Readonly<Record<HealthStatus, number>>, total: number): FleetStatus {
  if (total === 0) return 'no_agents';
  if (byStatus.healthy === total) return 'healthy';
  return byStatus.healthy + byStatus.degraded === 0 ? 'unhealthy' : 'degraded';
}
