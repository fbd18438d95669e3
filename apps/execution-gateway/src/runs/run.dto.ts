import type { EngineName, GatewayMessageView, GatewayRunState, GatewaySessionStatusName, JsonObject, RunEndReason, RunLimits, RunList, RunProblem, RunUsage, RunView } from '@agentfleet/contracts';
import { ENGINE_NAMES, GATEWAY_SESSION_STATUSES, RUN_END_REASONS, RUN_STATES } from '@agentfleet/contracts';
import { ApiProperty } from '@nestjs/swagger';

/** Documentation of the body; it is read by `readRunRequest`. */
export class StartRunDto {
  /** What the user says; at most `GATEWAY_MAX_INPUT_BYTES`. @example List files in current directory */
  user_input!: string;
  @ApiProperty({ type: 'object', additionalProperties: true, selfRequired: false }) context?: JsonObject;
  @ApiProperty({ type: 'integer', minimum: 1, maximum: 1000, required: false }) max_iterations?: number;
  @ApiProperty({ type: 'object', additionalProperties: true, selfRequired: false }) limits?: RunLimits;
  @ApiProperty({ type: 'object', additionalProperties: true, selfRequired: false }) metadata?: JsonObject;
}

export class CancelDto {
  /** Shown to everybody who watches; at most 500 characters. */
  reason?: string;
}

export class CancelledDto {
  session_id!: string;
  @ApiProperty({ type: 'string', nullable: true }) run_id!: string | null;
  @ApiProperty({ enum: GATEWAY_SESSION_STATUSES }) status!: GatewaySessionStatusName;
}

export class RunDto implements RunView {
  run_id!: string;
  session_id!: string;
  @ApiProperty({ enum: RUN_STATES }) state!: GatewayRunState;
  @ApiProperty({ type: 'string', nullable: true }) waiting_for!: 'input' | 'resume' | null;
  @ApiProperty({ enum: RUN_END_REASONS, nullable: true }) reason!: RunEndReason | null;
  @ApiProperty({ enum: ENGINE_NAMES }) engine!: EngineName;
  model!: string;
  @ApiProperty({ type: 'integer' }) iteration!: number;
  @ApiProperty({ type: 'integer' }) attempt!: number;
  @ApiProperty({ type: 'integer' }) first_seq!: number;
  @ApiProperty({ type: 'integer' }) last_seq!: number;
  created_at!: string;
  @ApiProperty({ type: 'string', nullable: true }) started_at!: string | null;
  @ApiProperty({ type: 'string', nullable: true }) ended_at!: string | null;
  /** The text after the last tool round. */
  @ApiProperty({ type: 'string', nullable: true }) output!: string | null;
  @ApiProperty({ type: 'object', additionalProperties: true }) usage!: RunUsage;
  @ApiProperty({ type: 'object', additionalProperties: true }) limits!: RunLimits;
  @ApiProperty({ type: 'object', additionalProperties: true }) metadata!: JsonObject;
  @ApiProperty({ type: 'object', additionalProperties: true, nullable: true }) error!: RunProblem | null;
}

export class RunListDto implements RunList {
  @ApiProperty({ type: [RunDto] }) runs!: readonly RunDto[];
  next_cursor?: string;
}

export class MessageListDto {
  @ApiProperty({ type: 'array', items: { type: 'object', additionalProperties: true } }) messages!: readonly GatewayMessageView[];
  next_cursor?: string;
}
