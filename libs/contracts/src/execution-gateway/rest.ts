import type { JsonObject } from '../platform/json';
import type { RunEndReason } from './events';
import type { RunLimits, RunUsage } from './usage';

export const ENGINE_NAMES = ['local', 'remote', 'vps'] as const;
export type EngineName = (typeof ENGINE_NAMES)[number];

export const RUN_STATES = ['queued', 'running', 'waiting', 'succeeded', 'failed', 'cancelled'] as const;
export type GatewayRunState = (typeof RUN_STATES)[number];

export const GATEWAY_SESSION_STATUSES = ['idle', 'queued', 'running', 'waiting', 'paused', 'finished', 'cancelled', 'error'] as const;
export type GatewaySessionStatusName = (typeof GATEWAY_SESSION_STATUSES)[number];

export interface ToolPolicy {
  readonly default: 'auto' | 'ask' | 'deny';
  readonly tools: Readonly<Record<string, 'auto' | 'ask' | 'deny'>>;
}

/** An entry of `GET /sessions`. */
export interface GatewaySessionItem {
  readonly session_id: string;
  readonly user_id: string;
  readonly workspace_dir: string;
  readonly created_at: string;
  readonly metadata: JsonObject;
  readonly status: GatewaySessionStatusName;
  readonly engine: EngineName;
  readonly model: string;
  readonly agent_id: string | null;
  readonly run_id: string | null;
  readonly is_live_session: boolean;
  readonly last_seq: number;
}

/** Answer of `POST /sessions` and `GET /sessions/{id}`. */
export interface GatewaySessionView extends GatewaySessionItem {
  readonly vps_agent: string | null;
  readonly limits: RunLimits;
  readonly tool_policy: ToolPolicy;
}

export interface GatewaySessionList {
  readonly sessions: readonly GatewaySessionItem[];
  /** Only there when there is more. */
  readonly next_cursor?: string;
}

export interface RunProblem {
  readonly message: string;
  readonly code: string;
}

/** Answer of `GET /sessions/{id}/status`. */
export interface GatewaySessionStatus {
  readonly session_id: string;
  readonly status: GatewaySessionStatusName;
  readonly is_running: boolean;
  readonly runtime_type: EngineName;
  readonly runtime_id: string | null;
  readonly engine: EngineName;
  readonly model: string;
  readonly run: {
    readonly run_id: string;
    readonly state: GatewayRunState;
    readonly waiting_for: 'input' | 'resume' | null;
    readonly iteration: number;
    readonly started_at: string | null;
  } | null;
  readonly pending_inputs: readonly JsonObject[];
  readonly event_count: number;
  readonly last_seq: number;
  readonly first_seq: number;
  readonly usage: RunUsage;
  readonly error: RunProblem | null;
}

/** A run as REST shows it. */
export interface RunView {
  readonly run_id: string;
  readonly session_id: string;
  readonly state: GatewayRunState;
  readonly waiting_for: 'input' | 'resume' | null;
  readonly reason: RunEndReason | null;
  readonly engine: EngineName;
  readonly model: string;
  readonly iteration: number;
  readonly attempt: number;
  readonly first_seq: number;
  readonly last_seq: number;
  readonly created_at: string;
  readonly started_at: string | null;
  readonly ended_at: string | null;
  /** The text after the last tool round; null until there is one. */
  readonly output: string | null;
  readonly usage: RunUsage;
  readonly limits: RunLimits;
  readonly metadata: JsonObject;
  readonly error: RunProblem | null;
}

export interface RunList {
  readonly runs: readonly RunView[];
  readonly next_cursor?: string;
}

export interface GatewayToolCallView {
  readonly id: string;
  readonly name: string;
  readonly input: JsonObject;
}

/** A message of the transcript that the model sees. */
export interface GatewayMessageView {
  readonly index: number;
  readonly run_id: string;
  readonly role: 'user' | 'assistant' | 'tool';
  readonly content: string;
  readonly tool_calls: readonly GatewayToolCallView[];
  readonly tool_call_id: string | null;
  readonly is_error: boolean;
  readonly model: string | null;
  readonly engine: EngineName;
  readonly created_at: string;
}

export interface GatewayModelView {
  readonly name: string;
  readonly provider: string;
  readonly default: boolean;
  readonly prices: JsonObject | null;
}

export interface GatewayHealth {
  readonly status: 'healthy' | 'unhealthy';
  readonly version: string;
  readonly sessions_active: number;
  /** The v1 dialect only. */
  readonly timestamp?: string;
}

/** A session or run id in a path; anything else is an unknown id. */
export const GATEWAY_ID_PATTERN = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/;
/** Visible ASCII: an `Idempotency-Key`, a v1 `client_turn_id`. */
export const IDEMPOTENCY_KEY_PATTERN = /^[\x21-\x7e]{1,255}$/;
