import type { FailureKind } from '@agentfleet/errors';
import type { JsonObject } from '../platform/json';

/** Wire types of the vps-bridge (contract vps-bridge.md); fields are spelled as on the wire. */

export const VPS_PROTOCOLS = ['http', 'https'] as const;
export type VpsProtocol = (typeof VPS_PROTOCOLS)[number];

export const VPS_APIS = ['messages', 'openai'] as const;
export type VpsApi = (typeof VPS_APIS)[number];

/** Body of `POST /api/vps/register`. */
export interface VpsRegisterBody {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly protocol?: VpsProtocol;
  readonly auth_token?: string | null;
  readonly timeout_seconds?: number;
  readonly max_retries?: number;
  readonly fallback_agents?: readonly string[];
  readonly api?: VpsApi;
  readonly model?: string | null;
  readonly streaming?: boolean;
  readonly retry_on?: readonly string[] | null;
  readonly fallback_on?: readonly string[] | null;
}

export interface VpsRegistered {
  readonly status: 'registered';
  readonly agent_name: string;
  readonly url: string;
  /** False when an agent of this name was replaced. */
  readonly created: boolean;
  readonly fallback_agents: readonly string[];
}

export interface VpsAgentItem {
  readonly name: string;
  readonly host: string | null;
  readonly port: number | null;
  readonly protocol: VpsProtocol | null;
  readonly url: string;
}

export interface VpsAgentList {
  readonly total: number;
  readonly agents: readonly VpsAgentItem[];
}

export interface VpsAgentView extends VpsAgentItem {
  readonly timeout_seconds: number;
  readonly max_retries: number;
  readonly fallback_agents: readonly string[];
  readonly api: VpsApi;
  readonly model: string;
  readonly streaming: boolean;
  readonly retry_on: readonly string[] | null;
  readonly fallback_on: readonly string[] | null;
  readonly has_auth_token: boolean;
  readonly cluster_id: string | null;
  readonly service: string | null;
  readonly path_prefix: string;
  readonly created_at: string;
  readonly updated_at: string;
}

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

/** What becomes of a streamed answer when its agent breaks off in mid-stream. */
export const VPS_MIDSTREAM_MODES = ['restart', 'continue', 'fail'] as const;
export type VpsMidstreamMode = (typeof VPS_MIDSTREAM_MODES)[number];

/** Body of `POST /api/vps/call/stream`. */
export interface VpsStreamBody extends VpsCallBody {
  readonly on_midstream_failure?: VpsMidstreamMode | null;
}

export interface VpsFailoverData {
  readonly from: string;
  readonly to: string;
  readonly error_type: FailureKind;
  readonly error_code: string;
  readonly error: string;
  readonly midstream: boolean;
  readonly mode: VpsMidstreamMode;
  /** Everything valid so far; with `restart` it is to be dropped. */
  readonly sent_text: string;
}

/** Events of `POST /api/vps/call/stream`, by name. */
export interface VpsStreamData {
  readonly attempt: { readonly call_id: string; readonly agent: string; readonly try: number; readonly position: number };
  readonly text: { readonly agent: string; readonly delta: string };
  readonly failover: VpsFailoverData;
  readonly done: VpsCallResult;
  readonly error: VpsCallResult & { readonly partial_response?: string };
}

export type VpsStreamEvent = { readonly [K in keyof VpsStreamData]: { readonly event: K; readonly data: VpsStreamData[K] } }[keyof VpsStreamData];

export type VpsHealthStatus = 'healthy' | 'degraded' | 'unhealthy' | 'unreachable';
export type VpsCircuitState = 'closed' | 'open' | 'half_open';

export interface VpsCircuitView {
  readonly state: VpsCircuitState;
  readonly opened_at: string | null;
  readonly retry_at: string | null;
}

export interface VpsProbeView {
  readonly at: string;
  readonly reached: boolean;
  readonly status_code: number | null;
  readonly error_code: string | null;
}

export interface VpsAgentHealth {
  readonly agent_name: string;
  readonly status: VpsHealthStatus;
  /** 0 to 100, two decimals. */
  readonly success_rate: number;
  readonly total_requests: number;
  readonly total_failures: number;
  readonly consecutive_failures: number;
  readonly avg_response_time_ms: number;
  readonly last_error: string | null;
  readonly last_error_type: FailureKind | null;
  readonly last_error_at: string | null;
  readonly last_success_at: string | null;
  readonly circuit: VpsCircuitView;
  readonly last_probe: VpsProbeView | null;
}

export interface VpsHealthSummary {
  readonly status: 'no_agents' | 'healthy' | 'degraded' | 'unhealthy';
  readonly total_agents: number;
  readonly healthy_agents: number;
  /** Includes the unreachable ones. */
  readonly unhealthy_agents: number;
  readonly degraded_agents: number;
  /** 0 to 100, two decimals. */
  readonly error_rate: number;
  readonly by_status: Readonly<Record<VpsHealthStatus, number>>;
}

export interface VpsStatus {
  readonly status: 'operational' | 'degraded';
  readonly agents: number;
  readonly healthy_agents: number;
  readonly unhealthy_agents: number;
  readonly sessions: number;
}

export type VpsMessageRole = 'user' | 'assistant' | 'system';

export interface VpsSessionMessage {
  readonly timestamp: string;
  readonly role: VpsMessageRole;
  readonly content: string;
  readonly agent: string;
  readonly incomplete?: true;
}

export interface VpsSession {
  readonly session_id: string;
  readonly user_id: string;
  readonly created_at: string;
  readonly last_activity: string;
  readonly messages: readonly VpsSessionMessage[];
  readonly metadata: JsonObject;
  readonly total_messages: number;
}

export type VpsSessionItem = Omit<VpsSession, 'messages'>;

export interface VpsSessionList {
  readonly sessions: readonly VpsSessionItem[];
  readonly next_cursor: string | null;
}

/** Answer of `POST /api/vps/sessions/cleanup`. */
export interface VpsCleanup {
  readonly cleaned_up: number;
  readonly remaining_sessions: number;
}

/** Answer of `GET /api/vps/sessions/export`, and what `POST /api/vps/sessions/import` takes. */
export interface VpsSessionExport {
  readonly exported_at: string;
  readonly sessions: Readonly<Record<string, VpsSession>>;
  readonly total_sessions: number;
}

export interface VpsImported {
  readonly imported: number;
}

export interface VpsNumberedMessage extends VpsSessionMessage {
  readonly seq: number;
  readonly call_id: string | null;
}

export interface VpsMessagePage {
  readonly session_id: string;
  readonly total_messages: number;
  readonly messages: readonly VpsNumberedMessage[];
  readonly next_after_seq: number | null;
  readonly next_before_seq: number | null;
}

/** Every error of the bridge. */
export interface VpsErrorBody {
  readonly detail: string;
  readonly code: string;
  readonly errors?: readonly { readonly field: string; readonly message: string }[];
  readonly error_id?: string;
  readonly correlation_id: string;
}
