import type { EngineName, GatewayMessageView, GatewayRunState, GatewaySessionStatusName, GatewayToolCallView, JsonObject, RunEndReason, RunList, RunView } from '@agentfleet/contracts';
import { ENGINE_NAMES, GATEWAY_SESSION_STATUSES, RUN_END_REASONS, RUN_STATES } from '@agentfleet/contracts';
import { ApiProperty } from '@nestjs/swagger';
import { RunLimitsDto, RunProblemDto, RunUsageDto } from '../sessions/session.dto';

const ANY_OBJECT = { type: 'object', additionalProperties: true } as const;
const OPTIONAL_OBJECT = { ...ANY_OBJECT, selfRequired: false } as const;
const WHOLE = { type: 'integer' } as const;
const TIME = { type: 'string', format: 'date-time' } as const;

/** Documentation of the body; it is read by `readRunRequest`. */
export class StartRunDto {
  /** What the user says; at most `GATEWAY_MAX_INPUT_BYTES`. */
  @ApiProperty({ type: String, minLength: 1 }) user_input!: string;
  /** Put before the input, in the same message; at most 64 KiB. */
  @ApiProperty(OPTIONAL_OBJECT) context?: JsonObject;
  @ApiProperty({ ...WHOLE, minimum: 1, maximum: 1000, required: false }) max_iterations?: number;
  @ApiProperty({ type: RunLimitsDto, required: false }) limits?: RunLimitsDto;
  /** At most 16 KiB. */
  @ApiProperty(OPTIONAL_OBJECT) metadata?: JsonObject;
}

export class CancelDto {
  /** Shown to everybody who watches. */
  @ApiProperty({ type: String, maxLength: 500, required: false }) reason?: string;
}

export class CancelledDto {
  @ApiProperty({ type: String }) session_id!: string;
  /** The run that was ended; null when there was none. */
  @ApiProperty({ type: 'string', nullable: true }) run_id!: string | null;
  @ApiProperty({ enum: GATEWAY_SESSION_STATUSES }) status!: GatewaySessionStatusName;
}

export class RunDto implements RunView {
  @ApiProperty({ type: String }) run_id!: string;
  @ApiProperty({ type: String }) session_id!: string;
  @ApiProperty({ enum: RUN_STATES }) state!: GatewayRunState;
  @ApiProperty({ type: 'string', enum: ['input', 'resume'], nullable: true }) waiting_for!: 'input' | 'resume' | null;
  /** Why the run ended; null until then. */
  @ApiProperty({ enum: RUN_END_REASONS, nullable: true }) reason!: RunEndReason | null;
  @ApiProperty({ enum: ENGINE_NAMES }) engine!: EngineName;
  @ApiProperty({ type: String }) model!: string;
  @ApiProperty(WHOLE) iteration!: number;
  /** Rises with each takeover by another replica. */
  @ApiProperty(WHOLE) attempt!: number;
  @ApiProperty(WHOLE) first_seq!: number;
  @ApiProperty(WHOLE) last_seq!: number;
  @ApiProperty(TIME) created_at!: string;
  @ApiProperty({ ...TIME, nullable: true }) started_at!: string | null;
  @ApiProperty({ ...TIME, nullable: true }) ended_at!: string | null;
  /** The text after the last tool round. */
  @ApiProperty({ type: 'string', nullable: true }) output!: string | null;
  @ApiProperty({ type: RunUsageDto }) usage!: RunUsageDto;
  @ApiProperty({ type: RunLimitsDto }) limits!: RunLimitsDto;
  @ApiProperty(ANY_OBJECT) metadata!: JsonObject;
  @ApiProperty({ type: RunProblemDto, nullable: true }) error!: RunProblemDto | null;
}

export class RunListDto implements RunList {
  @ApiProperty({ type: [RunDto] }) runs!: readonly RunDto[];
  /** Only there when there is more. */
  @ApiProperty({ type: String, required: false }) next_cursor?: string;
}

export class ToolCallDto implements GatewayToolCallView {
  @ApiProperty({ type: String }) id!: string;
  @ApiProperty({ type: String }) name!: string;
  @ApiProperty(ANY_OBJECT) input!: JsonObject;
}

export class MessageDto implements GatewayMessageView {
  /** Counts over all runs of the session. */
  @ApiProperty(WHOLE) index!: number;
  @ApiProperty({ type: String }) run_id!: string;
  @ApiProperty({ enum: ['user', 'assistant', 'tool'] }) role!: GatewayMessageView['role'];
  @ApiProperty({ type: String }) content!: string;
  @ApiProperty({ type: [ToolCallDto] }) tool_calls!: readonly ToolCallDto[];
  /** Of results only. */
  @ApiProperty({ type: 'string', nullable: true }) tool_call_id!: string | null;
  @ApiProperty({ type: Boolean }) is_error!: boolean;
  @ApiProperty({ type: 'string', nullable: true }) model!: string | null;
  @ApiProperty({ enum: ENGINE_NAMES }) engine!: EngineName;
  @ApiProperty(TIME) created_at!: string;
}

export class MessageListDto {
  @ApiProperty({ type: [MessageDto] }) messages!: readonly MessageDto[];
  /** Only there when there is more. */
  @ApiProperty({ type: String, required: false }) next_cursor?: string;
}
