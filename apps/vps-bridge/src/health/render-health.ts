import type { VpsAgentHealth, VpsHealthSummary, VpsStatus } from '@agentfleet/contracts';
import { averageResponseMs, statusOf, successRate, type HealthState, type HealthSummary } from '@agentfleet/health';
import { wireTime, wireTimeOrNull } from '@agentfleet/sessions';
import { renderCircuit } from '../health-records/health-notice';

export function renderHealth(agentName: string, state: HealthState): VpsAgentHealth {
  const { lastProbe } = state;
  return {
    agent_name: agentName,
    status: statusOf(state),
    success_rate: successRate(state),
    total_requests: state.requests,
    total_failures: state.failures,
    consecutive_failures: state.consecutiveFailures,
    avg_response_time_ms: averageResponseMs(state),
    last_error: state.lastError,
    last_error_type: state.lastErrorType,
    last_error_at: wireTimeOrNull(state.lastErrorAtMs),
    last_success_at: wireTimeOrNull(state.lastSuccessAtMs),
    circuit: renderCircuit(state.circuit),
    last_probe:
      lastProbe === null
        ? null
        : { at: wireTime(lastProbe.atMs), reached: lastProbe.reached, status_code: lastProbe.statusCode, error_code: lastProbe.errorCode },
  };
}

export function renderSummary({ status, total, byStatus, errorRate }: HealthSummary): VpsHealthSummary {
  return {
    status,
    total_agents: total,
    healthy_agents: byStatus.healthy,
    unhealthy_agents: byStatus.unhealthy + byStatus.unreachable,
    degraded_agents: byStatus.degraded,
    error_rate: errorRate,
    by_status: byStatus,
  };
}

export function renderStatus({ total, byStatus }: HealthSummary, sessions: number): VpsStatus {
  return {
    status: byStatus.healthy > 0 ? 'operational' : 'degraded',
    agents: total,
    healthy_agents: byStatus.healthy,
    unhealthy_agents: byStatus.unhealthy + byStatus.unreachable,
    sessions,
  };
}
