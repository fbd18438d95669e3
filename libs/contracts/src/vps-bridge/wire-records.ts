import type { FailureKind } from '@agentfleet/errors';
import type { VpsCallResult } from './wire-calls';

export const VPS_CALL_KINDS = ['sync', 'async', 'stream'] as const;
export type VpsCallKind = (typeof VPS_CALL_KINDS)[number];
export const VPS_CALL_STATUSES = ['queued', 'running', 'succeeded', 'failed'] as const;
export type VpsCallStatus = (typeof VPS_CALL_STATUSES)[number];

/** Answer of `POST /api/vps/call/async`. */
export interface VpsCallAccepted {
  readonly call_id: string;
  readonly status: VpsCallStatus;
}

/** The result of a call as its record keeps it; of plain synchronous and streamed calls without the response. */
export type VpsKeptCallResult = Omit<VpsCallResult, 'response'> & { readonly response?: string | null; readonly response_omitted?: true };

/** One call (`GET /api/vps/calls/{call_id}`). */
export interface VpsCallView {
  readonly call_id: string;
  readonly status: VpsCallStatus;
  readonly kind: VpsCallKind;
  readonly agent_name: string;
  readonly session_id: string | null;
  readonly user_id: string | null;
  readonly created_at: string;
  readonly started_at: string | null;
  readonly finished_at: string | null;
  /** Null until the call has ended. */
  readonly result: VpsKeptCallResult | null;
  /** Only while the response was not kept. */
  readonly response_omitted?: true;
}

export interface VpsCallItem {
  readonly call_id: string;
  readonly kind: VpsCallKind;
  readonly status: VpsCallStatus;
  readonly agent_name: string;
  readonly answered_by: string | null;
  readonly session_id: string | null;
  readonly user_id: string | null;
  readonly success: boolean | null;
  readonly error_type: FailureKind | null;
  readonly error_code: string | null;
  readonly latency_ms: number | null;
  readonly retry_count: number | null;
  readonly created_at: string;
  readonly finished_at: string | null;
}

export interface VpsCallList {
  readonly calls: readonly VpsCallItem[];
  readonly next_cursor: string | null;
}
