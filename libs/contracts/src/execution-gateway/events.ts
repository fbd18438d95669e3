import type { JsonObject } from '../platform/json';
import type { RunUsage, TokenUsage } from './usage';

export const RUN_END_REASONS = [
  'stop',
  'max_iterations',
  'max_tokens',
  'max_seconds',
  'max_cost',
  'length',
  'error',
  'wait_expired',
  'queue_timeout',
  'crash_loop',
  'cancelled',
  'session_deleted',
] as const;
export type RunEndReason = (typeof RUN_END_REASONS)[number];

export type ToolOutcome = 'ok' | 'error' | 'denied' | 'cancelled' | 'timeout' | 'unknown';

/** Why a tool that could be expected is not offered. */
export interface ToolNotice {
  readonly tool: string;
  readonly message: string;
}

export interface SessionInfoData {
  readonly session_id: string;
  readonly user_id: string;
  readonly workspace_dir: string;
  readonly run_id: string;
  readonly turn_id: string;
  readonly engine: string;
  readonly model: string;
  readonly agent_id: string | null;
  readonly agent_revision: number | null;
  readonly max_iterations: number;
  readonly tools: readonly string[];
  readonly notices: readonly ToolNotice[];
  readonly config_stale: boolean;
}

export interface ToolCallData {
  /** Unique in the session. */
  readonly id: string;
  readonly name: string;
  readonly input: JsonObject;
  readonly iteration: number;
  readonly approval: 'auto' | 'pending';
  /** Only there when the input was too large for a frame; `/messages` has it whole. */
  readonly input_truncated?: true;
}

export interface ToolResultData {
  readonly tool_call_id: string;
  /** The same as `tool_call_id`; the older name. */
  readonly tool_use_id: string;
  readonly name: string;
  readonly result: string;
  /** The first 500 characters of the result. */
  readonly content_preview: string;
  readonly is_error: boolean;
  readonly outcome: ToolOutcome;
  readonly duration_ms: number;
  readonly truncated: boolean;
  /** Size of the whole result in UTF-8 bytes. */
  readonly size_bytes: number;
}

export interface IterationEndData {
  readonly iteration: number;
  readonly tool_calls: number;
  /** The same number as `tool_calls`. */
  readonly tool_calls_count: number;
  readonly duration_seconds: number;
  readonly token_usage: TokenUsage;
  readonly tokens_used: number;
  readonly stop_reason: string;
}

export interface StatusData {
  readonly status: string;
  readonly message: string;
  readonly [key: string]: unknown;
}

export interface RunErrorData {
  /** For people: what happened and what to do. */
  readonly message: string;
  readonly code: string;
  readonly retryable: boolean;
  readonly detail: string | null;
}

export interface CancelledData {
  readonly reason: string;
  readonly run_id: string;
  readonly session_id: string;
  readonly by: string | null;
}

export interface QueryCompleteData {
  readonly run_id: string;
  readonly turn_id: string;
  readonly completed: boolean;
  readonly cancelled: boolean;
  readonly reason: RunEndReason;
  readonly message: string;
  readonly iterations: number;
  readonly tool_calls: number;
  readonly usage: RunUsage;
  readonly duration_seconds: number;
}

/** Everything that can be in the log of a session, without its envelope. */
export type RunEventBody =
  | { readonly type: 'session_info'; readonly data: SessionInfoData }
  | { readonly type: 'text'; readonly data: { readonly text: string; readonly author: 'assistant' } }
  | { readonly type: 'thinking'; readonly data: { readonly thinking: string; readonly text: string } }
  | { readonly type: 'tool_call'; readonly data: ToolCallData }
  | { readonly type: 'tool_result'; readonly data: ToolResultData }
  | { readonly type: 'iteration_end'; readonly data: IterationEndData }
  | { readonly type: 'status'; readonly data: StatusData }
  | { readonly type: 'error'; readonly data: RunErrorData }
  | { readonly type: 'cancelled'; readonly data: CancelledData }
  | { readonly type: 'query_complete'; readonly data: QueryCompleteData };
export type RunEventType = RunEventBody['type'];

/** An event as it is on the wire: the body in its envelope. `timestamp` is ISO 8601 UTC with milliseconds. */
export type RunEvent = RunEventBody & { readonly timestamp: string; readonly seq: number; readonly run_id: string };

/** A frame that belongs to one connection only and has no place in the log. */
export interface ConnectionFrame {
  readonly type: 'connected' | 'pong' | 'error' | 'status' | 'query_complete' | 'gap';
  readonly data: Readonly<Record<string, unknown>>;
  readonly timestamp: string;
}

/** Above this a tool call's input is cut in its event. */
export const MAX_EVENT_INPUT_BYTES = 512 * 1024;
