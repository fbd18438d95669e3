import {
  VPS_CALL_KINDS,
  VPS_CALL_STATUSES,
  VPS_MIDSTREAM_MODES,
  type JsonObject,
  type VpsCallAccepted,
  type VpsCallAttempt,
  type VpsCallBody,
  type VpsCallItem,
  type VpsCallKind,
  type VpsCallList,
  type VpsCallResult,
  type VpsCallStatus,
  type VpsCallView,
  type VpsKeptCallResult,
  type VpsMidstreamMode,
  type VpsSkipReason,
  type VpsStreamBody,
} from '@agentfleet/contracts';
import { FAILURE_KINDS, type FailureKind } from '@agentfleet/errors';
import { ApiProperty, ApiPropertyOptional, OmitType } from '@nestjs/swagger';

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

const ERROR_TYPE =
  'What kind of failure: TIMEOUT, RATE_LIMIT (HTTP 429), CONNECTION, INVALID_RESPONSE (an answer that cannot be used), and UNKNOWN for every other HTTP status, such as http_401 and http_503: ' +
  'the type says how far the attempt came, the code says what happened';
const ERROR_CODE =
  'What happened, such as timeout, refused, no_text or http_<status>. Of agents on this machine and in private networks refused also stands for a connection that broke and for one that does not speak HTTP';

/** How one agent of the chain fared. */
export class CallAttemptDto implements VpsCallAttempt {
  @ApiProperty({ type: String }) agent!: string;
  /** HTTP requests made to this agent, repetitions included; `retry_count` of the call counts agents, not these. */
  @ApiProperty({ type: 'integer' }) tries!: number;
  @ApiProperty({ type: Number }) latency_ms!: number;
  @ApiProperty({ enum: FAILURE_KINDS, nullable: true, description: ERROR_TYPE }) error_type!: FailureKind | null;
  @ApiProperty({ type: String, nullable: true, description: ERROR_CODE }) error_code!: string | null;
  @ApiProperty({ type: 'integer', nullable: true }) status_code!: number | null;
  @ApiProperty({ type: String, nullable: true }) error!: string | null;
  @ApiProperty({ enum: ['not_registered', 'circuit_open', 'deadline'], nullable: true }) skipped!: VpsSkipReason | null;
  @ApiProperty({ type: Boolean }) forced!: boolean;
}

export class CallResultDto implements VpsCallResult {
  @ApiProperty({ type: Boolean }) success!: boolean;
  @ApiProperty({ type: String }) agent_name!: string;
  @ApiProperty({ type: String, nullable: true }) response!: string | null;
  @ApiProperty({ type: String, nullable: true }) error!: string | null;
  @ApiProperty({ enum: FAILURE_KINDS, nullable: true, description: ERROR_TYPE }) error_type!: FailureKind | null;
  @ApiProperty({ type: String, nullable: true, description: ERROR_CODE }) error_code!: string | null;
  /** The whole configured chain, whoever answered; `attempts` tells who was really tried. */
  @ApiProperty({ type: [String] }) fallback_chain!: readonly string[];
  /** The whole call, with failed agents and pauses. */
  @ApiProperty({ type: Number }) latency_ms!: number;
  /** Another agent than the first was needed: `retry_count` is above 0. */
  @ApiProperty({ type: Boolean }) retried!: boolean;
  /** How many other registered agents failed or were skipped before the last one. Repetitions on one agent are its `tries`: 1 here beside `tries` 3 means that one agent was asked three times, and then the next one. */
  @ApiProperty({ type: 'integer' }) retry_count!: number;
  @ApiProperty({ type: String }) call_id!: string;
  @ApiProperty({ type: String, nullable: true }) session_id!: string | null;
  @ApiProperty({ type: Number, nullable: true }) retry_after_seconds!: number | null;
  @ApiProperty({ type: [CallAttemptDto] }) attempts!: readonly CallAttemptDto[];
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
