import type {
  EngineName,
  GatewaySessionItem,
  GatewaySessionList,
  GatewaySessionStatus,
  GatewaySessionStatusName,
  GatewaySessionView,
  JsonObject,
  RunLimits,
  RunUsage,
  ToolPolicy,
} from '@agentfleet/contracts';
import { ENGINE_NAMES, GATEWAY_SESSION_STATUSES } from '@agentfleet/contracts';
import { ApiProperty } from '@nestjs/swagger';

/** Documentation of the body; it is read by `parseSessionCreate`, which refuses wrong types and ignores unknown fields. */
export class CreateSessionDto {
  /** A label inside the organization; default: the user's id, else `user_gateway`. @example user_123 */
  user_id?: string;
  /** Relative to the organization's directory, or absolute; default: a new directory. */
  workspace_dir?: string;
  /** Default: `sess_` and 24 hex digits. */
  session_id?: string;
  @ApiProperty({ type: 'object', additionalProperties: true, selfRequired: false }) metadata?: JsonObject;
  @ApiProperty({ enum: ENGINE_NAMES, required: false }) engine?: EngineName;
  /** Name of a configured model. */
  model?: string;
  @ApiProperty({ type: 'object', additionalProperties: true, selfRequired: false }) limits?: RunLimits;
  @ApiProperty({ type: 'object', additionalProperties: true, selfRequired: false }) tool_policy?: ToolPolicy;
}

export class SessionItemDto implements GatewaySessionItem {
  session_id!: string;
  user_id!: string;
  workspace_dir!: string;
  created_at!: string;
  @ApiProperty({ type: 'object', additionalProperties: true }) metadata!: JsonObject;
  @ApiProperty({ enum: GATEWAY_SESSION_STATUSES }) status!: GatewaySessionStatusName;
  @ApiProperty({ enum: ENGINE_NAMES }) engine!: EngineName;
  model!: string;
  @ApiProperty({ type: 'string', nullable: true }) agent_id!: string | null;
  /** The active run. */
  @ApiProperty({ type: 'string', nullable: true }) run_id!: string | null;
  is_live_session!: boolean;
  @ApiProperty({ type: 'integer' }) last_seq!: number;
}

export class SessionDto extends SessionItemDto implements GatewaySessionView {
  @ApiProperty({ type: 'string', nullable: true }) vps_agent!: string | null;
  @ApiProperty({ type: 'object', additionalProperties: true }) limits!: RunLimits;
  @ApiProperty({ type: 'object', additionalProperties: true }) tool_policy!: ToolPolicy;
}

export class SessionListDto implements GatewaySessionList {
  @ApiProperty({ type: [SessionItemDto] }) sessions!: readonly SessionItemDto[];
  /** Only there when there is more. */
  next_cursor?: string;
}

export class SessionStatusDto implements GatewaySessionStatus {
  session_id!: string;
  @ApiProperty({ enum: GATEWAY_SESSION_STATUSES }) status!: GatewaySessionStatusName;
  is_running!: boolean;
  @ApiProperty({ enum: ENGINE_NAMES }) runtime_type!: EngineName;
  @ApiProperty({ type: 'string', nullable: true }) runtime_id!: string | null;
  @ApiProperty({ enum: ENGINE_NAMES }) engine!: EngineName;
  model!: string;
  @ApiProperty({ type: 'object', additionalProperties: true, nullable: true }) run!: GatewaySessionStatus['run'];
  @ApiProperty({ type: 'array', items: { type: 'object', additionalProperties: true } }) pending_inputs!: readonly JsonObject[];
  @ApiProperty({ type: 'integer' }) event_count!: number;
  @ApiProperty({ type: 'integer' }) last_seq!: number;
  @ApiProperty({ type: 'integer' }) first_seq!: number;
  @ApiProperty({ type: 'object', additionalProperties: true }) usage!: RunUsage;
  @ApiProperty({ type: 'object', additionalProperties: true, nullable: true }) error!: GatewaySessionStatus['error'];
}
