import {
  VPS_CALL_KINDS,
  VPS_CALL_STATUSES,
  VPS_MIDSTREAM_MODES,
  type JsonObject,
  type VpsCallAccepted,
  type VpsCallBody,
  type VpsCallItem,
  type VpsCallKind,
  type VpsCallList,
  type VpsCallStatus,
  type VpsCallView,
  type VpsKeptCallResult,
  type VpsMidstreamMode,
  type VpsStreamBody,
} from '@agentfleet/contracts';
import { FAILURE_KINDS, type FailureKind } from '@agentfleet/errors';
import { ApiProperty, ApiPropertyOptional, OmitType } from '@nestjs/swagger';
import { CallResultDto } from '../../api-docs/call-result.dto';

/** Documents the body of POST /call; `parseVpsCall` checks it. */
export class CallBodyDto implements VpsCallBody {
  @ApiProperty({ type: String, maxLength: 256 }) agent_name!: string;
  @ApiProperty({ type: String, maxLength: 2_000_000 }) prompt!: string;
  /** The conversation that the call belongs to; made on first use. */
  @ApiProperty({ type: String, required: false, nullable: true, maxLength: 256 }) session_id?: string | null;
  @ApiProperty({ type: String, required: false, nullable: true, maxLength: 256 }) user_id?: string | null;
  /** Merged into the session's, key by key; at most 64 KiB. */
  @ApiPropertyOptional({ type: 'object', additionalProperties: true, nullable: true }) metadata?: JsonObject | null;
  /** Send the session's earlier messages too. */
  @ApiProperty({ type: Boolean, required: false, default: false }) include_history?: boolean;
  /** The whole call; default 120, or the agent's timeout if that is longer. */
  @ApiProperty({ type: Number, required: false, nullable: true, minimum: 1, maximum: 3600 }) deadline_seconds?: number | null;
}

export class KeptCallResultDto extends OmitType(CallResultDto, ['response']) implements VpsKeptCallResult {
  /** Kept of asynchronous calls and those with an idempotency key. */
  @ApiProperty({ type: String, nullable: true, required: false }) response?: string | null;
  @ApiProperty({ enum: [true], required: false }) response_omitted?: true;
}

export class CallViewDto implements VpsCallView {
  @ApiProperty({ type: String }) call_id!: string;
  @ApiProperty({ enum: VPS_CALL_STATUSES }) status!: VpsCallStatus;
  @ApiProperty({ enum: VPS_CALL_KINDS }) kind!: VpsCallKind;
  @ApiProperty({ type: String }) agent_name!: string;
  @ApiProperty({ type: String, nullable: true }) session_id!: string | null;
  @ApiProperty({ type: String, nullable: true }) user_id!: string | null;
  @ApiProperty({ type: String }) created_at!: string;
  @ApiProperty({ type: String, nullable: true }) started_at!: string | null;
  @ApiProperty({ type: String, nullable: true }) finished_at!: string | null;
  @ApiProperty({ type: KeptCallResultDto, nullable: true }) result!: KeptCallResultDto | null;
  @ApiProperty({ enum: [true], required: false }) response_omitted?: true;
}

export class CallItemDto implements VpsCallItem {
  @ApiProperty({ type: String }) call_id!: string;
  @ApiProperty({ enum: VPS_CALL_KINDS }) kind!: VpsCallKind;
  @ApiProperty({ enum: VPS_CALL_STATUSES }) status!: VpsCallStatus;
  @ApiProperty({ type: String }) agent_name!: string;
  @ApiProperty({ type: String, nullable: true }) answered_by!: string | null;
  @ApiProperty({ type: String, nullable: true }) session_id!: string | null;
  @ApiProperty({ type: String, nullable: true }) user_id!: string | null;
  @ApiProperty({ type: Boolean, nullable: true }) success!: boolean | null;
  @ApiProperty({ enum: FAILURE_KINDS, nullable: true }) error_type!: FailureKind | null;
  @ApiProperty({ type: String, nullable: true }) error_code!: string | null;
  @ApiProperty({ type: Number, nullable: true }) latency_ms!: number | null;
  @ApiProperty({ type: 'integer', nullable: true }) retry_count!: number | null;
  @ApiProperty({ type: String }) created_at!: string;
  @ApiProperty({ type: String, nullable: true }) finished_at!: string | null;
}

export class CallListDto implements VpsCallList {
  @ApiProperty({ type: [CallItemDto] }) calls!: readonly CallItemDto[];
  @ApiProperty({ type: String, nullable: true }) next_cursor!: string | null;
}

export class CallAcceptedDto implements VpsCallAccepted {
  @ApiProperty({ type: String }) call_id!: string;
  @ApiProperty({ enum: VPS_CALL_STATUSES }) status!: VpsCallStatus;
}

/** Documents the body of POST /call/stream; `parseVpsStream` checks it. */
export class StreamBodyDto extends CallBodyDto implements VpsStreamBody {
  /** What happens to the text when an agent breaks off: begin anew, let the next one continue, or fail. */
  @ApiProperty({ enum: VPS_MIDSTREAM_MODES, required: false, nullable: true, default: 'restart' }) on_midstream_failure?: VpsMidstreamMode | null;
}
