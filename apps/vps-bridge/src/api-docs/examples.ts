import type {
  VpsAgentHealth,
  VpsAgentList,
  VpsAgentView,
  VpsCallAccepted,
  VpsCallBody,
  VpsCallList,
  VpsCallResult,
  VpsCallView,
  VpsHealthSummary,
  VpsMessagePage,
  VpsRegisterBody,
  VpsRegistered,
  VpsSession,
  VpsSessionExport,
  VpsSessionList,
  VpsStatus,
  VpsStreamBody,
} from '@agentfleet/contracts';

/** Examples of the API's documentation, of one small fleet. */

const ASKED_AT = '2026-02-18T21:30:00.000Z';
const ANSWERED_AT = '2026-02-18T21:30:05.000Z';
const PROMPT = 'Plan a 3-phase project';
const RESPONSE = 'Here is your 3-phase project plan...';
const ADDRESS = { name: 'pm-agent', host: '192.168.1.100', port: 5000, protocol: 'http', url: 'http://192.168.1.100:5000' } as const;

export const REGISTER_BODY: VpsRegisterBody = {
  name: 'pm-agent',
  host: '192.168.1.100',
  port: 5000,
  auth_token: 'a-token-of-the-agent',
  timeout_seconds: 30,
  max_retries: 3,
  fallback_agents: ['sonnet-agent'],
};
export const REGISTERED: VpsRegistered = { status: 'registered', agent_name: 'pm-agent', url: ADDRESS.url, created: true, fallback_agents: ['sonnet-agent'] };
export const AGENT_LIST: VpsAgentList = { total: 1, agents: [ADDRESS] };
export const AGENT: VpsAgentView = {
  ...ADDRESS,
  timeout_seconds: 30,
  max_retries: 3,
  fallback_agents: ['sonnet-agent'],
  api: 'messages',
  model: 'pm-agent',
  streaming: false,
  retry_on: null,
  fallback_on: null,
  has_auth_token: true,
  cluster_id: null,
  service: null,
  path_prefix: '',
  created_at: ASKED_AT,
  updated_at: ASKED_AT,
};

export const CALL_BODY: VpsCallBody = { agent_name: 'pm-agent', prompt: PROMPT, session_id: 'sess-123', user_id: 'user-123', metadata: { context: 'planning' }, deadline_seconds: 30 };
export const STREAM_BODY: VpsStreamBody = { ...CALL_BODY, on_midstream_failure: 'restart' };
export const CALL_RESULT: VpsCallResult = {
  success: true,
  agent_name: 'sonnet-agent',
  response: RESPONSE,
  error: null,
  error_type: null,
  error_code: null,
  fallback_chain: ['pm-agent', 'sonnet-agent'],
  latency_ms: 1234.56,
  retried: true,
  retry_count: 1,
  call_id: 'call_01JDC6ZK3M8S',
  session_id: 'sess-123',
  retry_after_seconds: null,
  attempts: [
    {
      agent: 'pm-agent',
      tries: 3,
      latency_ms: 1180.2,
      error_type: 'UNKNOWN',
      error_code: 'http_503',
      status_code: 503,
      error: 'Agent answered with HTTP status 503',
      skipped: null,
      forced: false,
    },
    { agent: 'sonnet-agent', tries: 1, latency_ms: 52.9, error_type: null, error_code: null, status_code: 200, error: null, skipped: null, forced: false },
  ],
};
export const FAILED_CALL: VpsCallResult = {
  ...CALL_RESULT,
  success: false,
  agent_name: 'pm-agent',
  response: null,
  error: 'All agents failed. Last error: Agent answered with HTTP status 429',
  error_type: 'RATE_LIMIT',
  error_code: 'http_429',
  fallback_chain: ['pm-agent'],
  retried: false,
  retry_count: 0,
  retry_after_seconds: 30,
  attempts: [
    {
      agent: 'pm-agent',
      tries: 1,
      latency_ms: 48.1,
      error_type: 'RATE_LIMIT',
      error_code: 'http_429',
      status_code: 429,
      error: 'Agent answered with HTTP status 429',
      skipped: null,
      forced: false,
    },
  ],
};
export const CALL_ACCEPTED: VpsCallAccepted = { call_id: CALL_RESULT.call_id, status: 'queued' };
const CALL = { call_id: CALL_RESULT.call_id, status: 'succeeded', agent_name: 'pm-agent', session_id: 'sess-123', user_id: 'user-123' } as const;
export const CALL_VIEW: VpsCallView = { ...CALL, kind: 'async', created_at: ASKED_AT, started_at: ASKED_AT, finished_at: ANSWERED_AT, result: CALL_RESULT };
const OUTCOME = { answered_by: 'sonnet-agent', success: true, error_type: null, error_code: null, latency_ms: 1234.56, retry_count: 1 } as const;
export const CALL_LIST: VpsCallList = { calls: [{ ...CALL, ...OUTCOME, kind: 'sync', created_at: ASKED_AT, finished_at: ANSWERED_AT }], next_cursor: null };
export const EVENTS = [
  'event: attempt\ndata: {"call_id":"call_01JDC6ZK3M8S","agent":"pm-agent","try":1,"position":0}',
  'event: text\ndata: {"agent":"pm-agent","delta":"Here is your 3-phase "}',
  `event: done\ndata: ${JSON.stringify(CALL_RESULT)}\n\n`,
].join('\n\n');

export const AGENT_HEALTH: VpsAgentHealth = {
  agent_name: 'pm-agent',
  status: 'degraded',
  success_rate: 98,
  total_requests: 200,
  total_failures: 4,
  consecutive_failures: 1,
  avg_response_time_ms: 812.4,
  last_error: 'Agent answered with HTTP status 503',
  last_error_type: 'UNKNOWN',
  last_error_at: ANSWERED_AT,
  last_success_at: ASKED_AT,
  circuit: { state: 'closed', opened_at: null, retry_at: null },
  last_probe: null,
};
export const RESET_HEALTH: VpsAgentHealth = {
  ...AGENT_HEALTH,
  status: 'healthy',
  success_rate: 100,
  total_requests: 0,
  total_failures: 0,
  consecutive_failures: 0,
  avg_response_time_ms: 0,
  last_error: null,
  last_error_type: null,
  last_error_at: null,
  last_success_at: null,
};
export const HEALTH_SUMMARY: VpsHealthSummary = {
  status: 'degraded',
  total_agents: 2,
  healthy_agents: 1,
  unhealthy_agents: 1,
  degraded_agents: 0,
  error_rate: 1.5,
  by_status: { healthy: 1, degraded: 0, unhealthy: 0, unreachable: 1 },
};
export const STATUS: VpsStatus = { status: 'operational', agents: 2, healthy_agents: 2, unhealthy_agents: 0, sessions: 15 };

const SESSION_HEAD = { session_id: 'sess-123', user_id: 'user-123', created_at: ASKED_AT, last_activity: ANSWERED_AT, metadata: { context: 'planning' }, total_messages: 2 };
const ASKED = { timestamp: ASKED_AT, role: 'user', content: PROMPT, agent: '' } as const;
const ANSWERED = { timestamp: ANSWERED_AT, role: 'assistant', content: RESPONSE, agent: 'pm-agent' } as const;
export const SESSION: VpsSession = { ...SESSION_HEAD, messages: [ASKED, ANSWERED] };
export const SESSION_LIST: VpsSessionList = { sessions: [SESSION_HEAD], next_cursor: null };
export const MESSAGE_PAGE: VpsMessagePage = {
  session_id: 'sess-123',
  total_messages: 2,
  messages: [
    { seq: 1, ...ASKED, call_id: CALL_RESULT.call_id },
    { seq: 2, ...ANSWERED, call_id: CALL_RESULT.call_id },
  ],
  next_after_seq: null,
  next_before_seq: null,
};
export const SESSION_EXPORT: VpsSessionExport = { exported_at: ANSWERED_AT, sessions: { 'sess-123': SESSION }, total_sessions: 1 };
