import type { FailureKind } from '@agentfleet/errors';
import { FAILURE_KINDS } from '@agentfleet/errors';
import { HEALTH_STATUSES } from '@agentfleet/health';
import type { VpsAgentHealth, VpsCircuitState, VpsCircuitView, VpsHealthStatus, VpsHealthSummary, VpsProbeView, VpsStatus } from '@agentfleet/contracts';
import { ApiProperty } from '@nestjs/swagger';

export class CircuitDto implements VpsCircuitView {
  @ApiProperty({ enum: ['closed', 'open', 'half_open'] }) state!: VpsCircuitState;
  @ApiProperty({ type: String, nullable: true }) opened_at!: string | null;
  @ApiProperty({ type: String, nullable: true }) retry_at!: string | null;
}

export class ProbeDto implements VpsProbeView {
  @ApiProperty({ type: String }) at!: string;
  @ApiProperty({ type: Boolean }) reached!: boolean;
  @ApiProperty({ type: 'integer', nullable: true }) status_code!: number | null;
  @ApiProperty({ type: String, nullable: true }) error_code!: string | null;
}

export class AgentHealthDto implements VpsAgentHealth {
  @ApiProperty({ type: String }) agent_name!: string;
  @ApiProperty({ enum: HEALTH_STATUSES }) status!: VpsHealthStatus;
  @ApiProperty({ type: Number, minimum: 0, maximum: 100 }) success_rate!: number;
  @ApiProperty({ type: 'integer' }) total_requests!: number;
  @ApiProperty({ type: 'integer' }) total_failures!: number;
  @ApiProperty({ type: 'integer' }) consecutive_failures!: number;
  @ApiProperty({ type: Number }) avg_response_time_ms!: number;
  @ApiProperty({ type: String, nullable: true }) last_error!: string | null;
  @ApiProperty({ enum: FAILURE_KINDS, nullable: true }) last_error_type!: FailureKind | null;
  @ApiProperty({ type: String, nullable: true }) last_error_at!: string | null;
  @ApiProperty({ type: String, nullable: true }) last_success_at!: string | null;
  @ApiProperty({ type: CircuitDto }) circuit!: CircuitDto;
  @ApiProperty({ type: ProbeDto, nullable: true }) last_probe!: ProbeDto | null;
}

export class HealthSummaryDto implements VpsHealthSummary {
  @ApiProperty({ enum: ['no_agents', 'healthy', 'degraded', 'unhealthy'] }) status!: VpsHealthSummary['status'];
  @ApiProperty({ type: 'integer' }) total_agents!: number;
  @ApiProperty({ type: 'integer' }) healthy_agents!: number;
  /** Includes the unreachable ones. */
  @ApiProperty({ type: 'integer' }) unhealthy_agents!: number;
  @ApiProperty({ type: 'integer' }) degraded_agents!: number;
  @ApiProperty({ type: Number }) error_rate!: number;
  @ApiProperty({ type: 'object', additionalProperties: { type: 'integer' } }) by_status!: Readonly<Record<VpsHealthStatus, number>>;
}

export class StatusDto implements VpsStatus {
  @ApiProperty({ enum: ['operational', 'degraded'] }) status!: VpsStatus['status'];
  @ApiProperty({ type: 'integer' }) agents!: number;
  @ApiProperty({ type: 'integer' }) healthy_agents!: number;
  @ApiProperty({ type: 'integer' }) unhealthy_agents!: number;
  @ApiProperty({ type: 'integer' }) sessions!: number;
}
