import type {
  GatewayHealth,
  GatewayMessageView,
  GatewayModelView,
  GatewaySessionItem,
  GatewaySessionList,
  GatewaySessionStatus,
  GatewaySessionView,
  RunEvent,
  RunList,
  RunUsage,
  RunView,
} from '@agentfleet/contracts';
import { EXAMPLE_SESSION_ID as SESSION_ID } from './parameters';

/** Examples of the API's documentation: one session and its first run on the scripted model. */

const MODEL = 'scripted (no model configured)';
const CREATED_AT = '2026-01-24T08:00:00.000Z';
const STARTED_AT = '2026-01-24T08:00:05.120Z';
const ENDED_AT = '2026-01-24T08:00:05.180Z';
const RUN_ID = 'run_9d2c4b7e1f0a8c6d3e5b9a17';
const INPUT = 'List files in current directory';
const OUTPUT = 'Here are the files:\nnotes.txt';

const TOKENS = { input_tokens: 310, output_tokens: 24, cached_input_tokens: 0, reasoning_tokens: 0, total_tokens: 334, cost_usd: null, estimated: false } as const;
const USAGE: RunUsage = { ...TOKENS, model_calls: 2, tool_calls: 1 };

export const CREATE_BODY = { session_id: SESSION_ID, user_id: 'user_123' } as const;
export const RUN_BODY = { user_input: INPUT, max_iterations: 5 } as const;
export const CANCEL_BODY = { reason: 'No longer needed' } as const;

export const SESSION_ITEM: GatewaySessionItem = {
  session_id: SESSION_ID,
  user_id: 'user_123',
  workspace_dir: `/data/workspaces/000000000000000000000001/${SESSION_ID}`,
  created_at: CREATED_AT,
  metadata: {},
  status: 'idle',
  engine: 'local',
  model: MODEL,
  agent_id: null,
  run_id: null,
  is_live_session: false,
  last_seq: 0,
};
export const SESSION: GatewaySessionView = { ...SESSION_ITEM, vps_agent: null, limits: { max_iterations: 25 }, tool_policy: { default: 'auto', tools: {} } };
export const SESSION_LIST: GatewaySessionList = { sessions: [SESSION_ITEM], next_cursor: 'WzE3NjkyNDE2MDAwMDAsIjY5NzQiXQ' };
export const SESSION_STATUS: GatewaySessionStatus = {
  session_id: SESSION_ID,
  status: 'running',
  is_running: true,
  runtime_type: 'local',
  runtime_id: null,
  engine: 'local',
  model: MODEL,
  run: { run_id: RUN_ID, state: 'running', waiting_for: null, iteration: 1, started_at: STARTED_AT },
  pending_inputs: [],
  event_count: 4,
  last_seq: 4,
  first_seq: 1,
  usage: USAGE,
  error: null,
};

export const STARTED_RUN: RunView = {
  run_id: RUN_ID,
  session_id: SESSION_ID,
  state: 'running',
  waiting_for: null,
  reason: null,
  engine: 'local',
  model: MODEL,
  iteration: 0,
  attempt: 1,
  first_seq: 1,
  last_seq: 1,
  created_at: STARTED_AT,
  started_at: STARTED_AT,
  ended_at: null,
  output: null,
  usage: { ...USAGE, input_tokens: 0, output_tokens: 0, total_tokens: 0, model_calls: 0, tool_calls: 0 },
  limits: { max_iterations: 5, max_seconds: 1800 },
  metadata: {},
  error: null,
};
export const ENDED_RUN: RunView = { ...STARTED_RUN, state: 'succeeded', reason: 'stop', iteration: 1, last_seq: 7, ended_at: ENDED_AT, output: OUTPUT, usage: USAGE };
export const FAILED_RUN: RunView = {
  ...ENDED_RUN,
  state: 'failed',
  reason: 'error',
  output: null,
  error: { message: 'The model is not available at the moment (HTTP 503). Try again later.', code: 'model_unavailable' },
};
export const RUN_LIST: RunList = { runs: [ENDED_RUN] };
export const CANCELLED = { session_id: SESSION_ID, run_id: RUN_ID, status: 'cancelled' } as const;

const CALL = { id: 'call_1', name: 'ListDir', input: { path: '.' } } as const;
const MESSAGE = { run_id: RUN_ID, engine: 'local', created_at: STARTED_AT, tool_calls: [], tool_call_id: null, is_error: false, model: null } as const;
export const MESSAGE_LIST: { readonly messages: readonly GatewayMessageView[] } = {
  messages: [
    { ...MESSAGE, index: 0, role: 'user', content: INPUT },
    { ...MESSAGE, index: 1, role: 'assistant', content: "I'll list the files", tool_calls: [CALL], model: MODEL },
    { ...MESSAGE, index: 2, role: 'tool', content: 'notes.txt', tool_call_id: CALL.id },
    { ...MESSAGE, index: 3, role: 'assistant', content: OUTPUT, model: MODEL },
  ],
};

const EVENTS: readonly RunEvent[] = [
  { type: 'text', data: { text: "I'll list the files", author: 'assistant' }, timestamp: STARTED_AT, seq: 2, run_id: RUN_ID },
  { type: 'tool_call', data: { id: CALL.id, name: CALL.name, input: CALL.input, iteration: 1, approval: 'auto' }, timestamp: STARTED_AT, seq: 3, run_id: RUN_ID },
];
export const EVENT_LIST = { events: EVENTS, first_seq: 1, last_seq: 7, next_cursor: '3' } as const;
export const EVENT_STREAM = `retry: 1000\n\n${EVENTS.map((event) => `id: ${event.seq}\ndata: ${JSON.stringify(event)}\n\n`).join('')}: ping\n\n`;

export const MODEL_LIST: { readonly models: readonly GatewayModelView[] } = { models: [{ name: MODEL, provider: 'openai-compatible', default: true, prices: null }] };
export const HEALTH: GatewayHealth = { status: 'healthy', version: '1.0.0', sessions_active: 5 };
export const UNHEALTHY: GatewayHealth = { ...HEALTH, status: 'unhealthy' };
