import { errorDocs } from '@agentfleet/platform';
import { CALL_RESULT } from './examples';
import { ErrorDto } from './error.dto';

const PORT = 'must be a whole number from 1 to 65535';

/** As a caller gets it. */
function error(status: number, code: string, detail: string, more: object = {}) {
  return { status, body: { detail, code, ...more, correlation_id: '0b9f2f5e-7f6c-4a7e-9a41-3f1c5f0f8f55' } };
}

const ERRORS = {
  malformed_url: error(400, 'malformed_url', 'The URL is not valid'),
  malformed_json: error(400, 'malformed_json', 'Invalid JSON: unexpected end of input'),
  invalid_protocol: error(400, 'invalid_protocol', 'Invalid protocol: ftp'),
  unauthenticated: error(401, 'unauthenticated', 'Not authenticated'),
  forbidden: error(403, 'forbidden', 'Missing scope vps:manage'),
  session_owner_mismatch: error(403, 'session_owner_mismatch', "Session 'sess-123' belongs to another user"),
  agent_not_found: error(404, 'agent_not_found', "Agent 'pm-agent' not found"),
  session_not_found: error(404, 'session_not_found', "Session 'sess-123' not found"),
  call_not_found: error(404, 'call_not_found', "Call 'call_01JDC6ZK3M8S' not found"),
  call_in_progress: error(409, 'call_in_progress', 'A call with this Idempotency-Key is in progress', { call_id: 'call_01JDC6ZK3M8S' }),
  too_large: error(413, 'too_large', 'The body is too large'),
  unsupported_media_type: error(415, 'unsupported_media_type', 'Content-Type must be application/json'),
  validation_failed: error(422, 'validation_failed', `port ${PORT}`, { errors: [{ field: 'port', message: PORT }] }),
  idempotency_key_reused: error(422, 'idempotency_key_reused', 'This Idempotency-Key was used with another request'),
  rate_limited: error(429, 'rate_limited', 'Too many requests'),
  internal: error(500, 'internal', 'Internal error', { error_id: '5f1c0d2e9a7b4c38' }),
  storage_unavailable: error(503, 'storage_unavailable', 'Storage is not available at the moment'),
  overloaded: error(503, 'overloaded', 'Too many calls are running in this replica'),
  draining: error(503, 'draining', 'This replica is shutting down'),
  answer_not_stored: error(503, 'answer_not_stored', 'The answer could not be stored', { result: CALL_RESULT }),
};

const MEANINGS: Readonly<Record<number, string>> = {
  400: 'The request is malformed',
  401: 'No valid credentials',
  403: 'The caller may not do this',
  404: 'Unknown, or of another organization',
  409: 'The call of this key still runs',
  413: 'The body is too large',
  415: 'The body is not JSON',
  422: 'Every refused field is named',
  429: 'Too many requests',
  500: 'A bug of the bridge',
  503: 'Not available at the moment; try again',
};

export const { ApiErrors, ApiBodyErrors } = errorDocs({
  dto: ErrorDto,
  errors: ERRORS,
  meanings: MEANINGS,
  everywhere: ['malformed_url', 'unauthenticated', 'forbidden', 'rate_limited', 'internal', 'storage_unavailable', 'draining'],
  ofBodies: ['malformed_json', 'too_large', 'unsupported_media_type', 'validation_failed'],
  retried: ['call_in_progress'],
});
