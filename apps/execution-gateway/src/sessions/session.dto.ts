import type {
  EngineName,
  GatewayRunState,
  GatewaySessionItem,
  GatewaySessionList,
  GatewaySessionStatus,
  GatewaySessionStatusName,
  GatewaySessionView,
  JsonObject,
  RunLimits,
  RunProblem,
  RunUsage,
  ToolPolicy,
} from '@agentfleet/contracts';
import { ENGINE_NAMES, GATEWAY_ID_PATTERN, GATEWAY_SESSION_STATUSES, RUN_STATES } from '@agentfleet/contracts';
import { ApiProperty } from '@nestjs/swagger';

const ANY_OBJECT = { type: 'object', additionalProperties: true } as const;
const OPTIONAL_OBJECT = { ...ANY_OBJECT, selfRequired: false } as const;
const WHOLE = { type: 'integer' } as const;
const TIME = { type: 'string', format: 'date-time' } as const;
const TEXT_OR_NULL = { type: 'string', nullable: true } as const;

export class RunLimitsDto implements RunLimits {
  /** Tool rounds. */
  @ApiProperty({ ...WHOLE, minimum: 1, maximum: 1000, required: false }) max_iterations?: number;
  @ApiProperty({ ...WHOLE, minimum: 1, required: false }) max_tokens?: number;
  /** Active time, not waiting. */
  @ApiProperty({ ...WHOLE, minimum: 1, maximum: 86_400, required: false }) max_seconds?: number;
  /** US dollars, above 0; needs a known price of the model. */
  @ApiProperty({ type: 'number', minimum: 0, required: false }) max_cost_usd?: number;
}

const DECISIONS = ['auto', 'ask', 'deny'] as const;

export class ToolPolicyDto implements ToolPolicy {
  /** For tools that no rule names. */
  @ApiProperty({ enum: DECISIONS }) default!: ToolPolicy['default'];
  /** By exact name, or by a beginning with `*` behind it. */
  @ApiProperty({ type: 'object', additionalProperties: { type: 'string', enum: [...DECISIONS] } }) tools!: ToolPolicy['tools'];
}

/** Documentation of the body; it is read by `parseSessionCreate`, which refuses wrong types and ignores unknown fields. */
export class CreateSessionDto {
  /** A label inside the organization; default: the user's id, else `user_gateway`. */
  @ApiProperty({ type: String, minLength: 1, maxLength: 256, required: false }) user_id?: string;
  /** Relative to the organization's directory, or absolute; default: a new directory. */
  @ApiProperty({ type: String, minLength: 1, maxLength: 4096, required: false }) workspace_dir?: string;
  /** Default: `sess_` and 24 hex digits. */
  @ApiProperty({ type: String, pattern: GATEWAY_ID_PATTERN.source, required: false }) session_id?: string;
  /** At most 16 KiB. */
  @ApiProperty(OPTIONAL_OBJECT) metadata?: JsonObject;
  @ApiProperty({ enum: ENGINE_NAMES, required: false }) engine?: EngineName;
  /** Name of a configured model (`GET /models`); default: the default model. */
  @ApiProperty({ type: String, required: false }) model?: string;
  @ApiProperty({ type: RunLimitsDto, required: false }) limits?: RunLimitsDto;
  @ApiProperty({ type: ToolPolicyDto, required: false }) tool_policy?: ToolPolicyDto;
}

export class SessionItemDto implements GatewaySessionItem {
  @ApiProperty({ type: String }) session_id!: string;
  @ApiProperty({ type: String }) user_id!: string;
  @ApiProperty({ type: String }) workspace_dir!: string;
  @ApiProperty(TIME) created_at!: string;
  @ApiProperty(ANY_OBJECT) metadata!: JsonObject;
  @ApiProperty({ enum: GATEWAY_SESSION_STATUSES }) status!: GatewaySessionStatusName;
  @ApiProperty({ enum: ENGINE_NAMES }) engine!: EngineName;
  @ApiProperty({ type: String }) model!: string;
  @ApiProperty(TEXT_OR_NULL) agent_id!: string | null;
  /** The active run. */
  @ApiProperty(TEXT_OR_NULL) run_id!: string | null;
  @ApiProperty({ type: Boolean }) is_live_session!: boolean;
  @ApiProperty(WHOLE) last_seq!: number;
}

export class SessionDto extends SessionItemDto implements GatewaySessionView {
  @ApiProperty(TEXT_OR_NULL) vps_agent!: string | null;
  @ApiProperty({ type: RunLimitsDto }) limits!: RunLimitsDto;
  @ApiProperty({ type: ToolPolicyDto }) tool_policy!: ToolPolicyDto;
}

export class SessionListDto implements GatewaySessionList {
  @ApiProperty({ type: [SessionItemDto] }) sessions!: readonly SessionItemDto[];
  /** Only there when there is more. */
  @ApiProperty({ type: String, required: false }) next_cursor?: string;
}

export class RunUsageDto implements RunUsage {
  @ApiProperty(WHOLE) input_tokens!: number;
  @ApiProperty(WHOLE) output_tokens!: number;
  @ApiProperty(WHOLE) cached_input_tokens!: number;
  @ApiProperty(WHOLE) reasoning_tokens!: number;
  @ApiProperty(WHOLE) total_tokens!: number;
  /** US dollars; null when the price of the model is not known. */
  @ApiProperty({ type: 'number', nullable: true }) cost_usd!: number | null;
  /** True when the provider named no usage. */
  @ApiProperty({ type: Boolean }) estimated!: boolean;
  @ApiProperty(WHOLE) model_calls!: number;
  @ApiProperty(WHOLE) tool_calls!: number;
}

export class RunProblemDto implements RunProblem {
  @ApiProperty({ type: String }) message!: string;
  @ApiProperty({ type: String }) code!: string;
}

export class ActiveRunDto {
  @ApiProperty({ type: String }) run_id!: string;
  @ApiProperty({ enum: RUN_STATES }) state!: GatewayRunState;
  @ApiProperty({ type: 'string', enum: ['input', 'resume'], nullable: true }) waiting_for!: 'input' | 'resume' | null;
  @ApiProperty(WHOLE) iteration!: number;
  @ApiProperty({ ...TIME, nullable: true }) started_at!: string | null;
}

export class SessionStatusDto implements GatewaySessionStatus {
  @ApiProperty({ type: String }) session_id!: string;
  @ApiProperty({ enum: GATEWAY_SESSION_STATUSES }) status!: GatewaySessionStatusName;
  /** True in queued, running and waiting. */
  @ApiProperty({ type: Boolean }) is_running!: boolean;
  /** Where runs really execute. */
  @ApiProperty({ enum: ENGINE_NAMES }) runtime_type!: EngineName;
  @ApiProperty(TEXT_OR_NULL) runtime_id!: string | null;
  @ApiProperty({ enum: ENGINE_NAMES }) engine!: EngineName;
  @ApiProperty({ type: String }) model!: string;
  @ApiProperty({ type: ActiveRunDto, nullable: true }) run!: ActiveRunDto | null;
  @ApiProperty({ type: 'array', items: { type: 'object', additionalProperties: true } }) pending_inputs!: readonly JsonObject[];
  @ApiProperty(WHOLE) event_count!: number;
  @ApiProperty(WHOLE) last_seq!: number;
  @ApiProperty(WHOLE) first_seq!: number;
  /** Of all runs of the session. */
  @ApiProperty({ type: RunUsageDto }) usage!: RunUsageDto;
  @ApiProperty({ type: RunProblemDto, nullable: true }) error!: RunProblemDto | null;
}

/** Of the plain dialect; the v1 dialect adds `status` and `session_id`. */
export class DeletedDto {
  @ApiProperty({ type: 'boolean', enum: [true] }) deleted!: true;
}
