import type { FailureKind } from '@agentfleet/errors';
import type { JsonObject } from '../platform/json';

/** Body of `POST /api/vps/call`. */
export interface VpsCallBody {
  readonly agent_name: string;
  readonly prompt: string;
  readonly session_id?: string | null;
  readonly user_id?: string | null;
  readonly metadata?: JsonObject | null;
  readonly include_history?: boolean;
  /** Seconds, 1 to 3600. */
  readonly deadline_seconds?: number | null;
}

export type VpsSkipReason = 'not_registered' | 'circuit_open' | 'deadline';

export interface VpsCallAttempt {
  readonly agent: string;
  /** HTTP requests made. */
  readonly tries: number;
  /** Milliseconds, two decimals, pauses included. */
  readonly latency_ms: number;
  readonly error_type: FailureKind | null;
  readonly error_code: string | null;
  readonly status_code: number | null;
  readonly error: string | null;
  readonly skipped: VpsSkipReason | null;
  readonly forced: boolean;
}

export interface VpsCallResult {
  readonly success: boolean;
  readonly agent_name: string;
  readonly response: string | null;
  readonly error: string | null;
  readonly error_type: FailureKind | null;
  readonly error_code: string | null;
  readonly fallback_chain: readonly string[];
  /** Milliseconds, two decimals. */
  readonly latency_ms: number;
  readonly retried: boolean;
  readonly retry_count: number;
  readonly call_id: string;
  readonly session_id: string | null;
  readonly retry_after_seconds: number | null;
  readonly attempts: readonly VpsCallAttempt[];
}
