import type { VpsCallAttempt, VpsCallResult, VpsSkipReason } from '@agentfleet/contracts';
import { FAILURE_KINDS, type FailureKind } from '@agentfleet/errors';
import { ApiProperty } from '@nestjs/swagger';

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
