import type { FailureKind } from '@agentfleet/errors';

export const VPS_HEALTH_STATUSES = ['healthy', 'degraded', 'unhealthy', 'unreachable'] as const;
export type VpsHealthStatus = (typeof VPS_HEALTH_STATUSES)[number];
export const VPS_CIRCUIT_STATES = ['closed', 'open', 'half_open'] as const;
export type VpsCircuitState = (typeof VPS_CIRCUIT_STATES)[number];

export interface VpsCircuitView {
  readonly state: VpsCircuitState;
  readonly opened_at: string | null;
  readonly retry_at: string | null;
}

export interface VpsProbeView {
  readonly at: string;
  readonly reached: boolean;
  readonly status_code: number | null;
  readonly error_code: string | null;
}

export interface VpsAgentHealth {
  readonly agent_name: string;
  readonly status: VpsHealthStatus;
  /** 0 to 100, two decimals. */
  readonly success_rate: number;
  readonly total_requests: number;
  readonly total_failures: number;
  readonly consecutive_failures: number;
  readonly avg_response_time_ms: number;
  readonly last_error: string | null;
  readonly last_error_type: FailureKind | null;
  readonly last_error_at: string | null;
  readonly last_success_at: string | null;
  readonly circuit: VpsCircuitView;
  readonly last_probe: VpsProbeView | null;
}

export interface VpsHealthSummary {
  readonly status: 'no_agents' | 'healthy' | 'degraded' | 'unhealthy';
  readonly total_agents: number;
  readonly healthy_agents: number;
  /** Includes the unreachable ones. */
  readonly unhealthy_agents: number;
  readonly degraded_agents: number;
  /** 0 to 100, two decimals. */
  readonly error_rate: number;
  readonly by_status: Readonly<Record<VpsHealthStatus, number>>;
}

export interface VpsStatus {
  readonly status: 'operational' | 'degraded';
  readonly agents: number;
  readonly healthy_agents: number;
  readonly unhealthy_agents: number;
  readonly sessions: number;
}
