import { errorDocs, type DocumentedError } from '@agentfleet/platform';
import { ErrorDto } from './error.dto';

const error = (status: number, detail: string, code?: string, more: object = {}): DocumentedError => ({ status, body: { detail, ...(code === undefined ? {} : { code }), ...more } });
const refused = (field: string, text: string): DocumentedError => error(422, `${field} ${text}`, 'validation_failed', { errors: [{ field, message: `${field} ${text}` }] });

const ERRORS = {
  malformed_url: error(400, 'The URL is not valid', 'malformed_url'),
  malformed_json: error(400, 'Invalid JSON: unexpected end of input', 'malformed_json'),
  workspace_outside_root: error(400, 'Workspace path must remain under the workspace root', 'workspace_outside_root'),
  unauthenticated: error(401, 'Invalid API key'),
  forbidden: error(403, 'Missing scope sessions:execute', 'forbidden'),
  session_not_found: error(404, 'Session not found'),
  run_not_found: error(404, 'Run not found', 'run_not_found'),
  session_id_taken: error(409, 'This session id is used by another session', 'session_id_taken'),
  busy: error(409, 'Session is busy: a run is in progress', 'busy', { active_run_id: 'run_9d2c4b7e1f0a8c6d3e5b9a17' }),
  too_large: error(413, 'The body is too large', 'too_large'),
  unsupported_media_type: error(415, 'Content-Type must be application/json', 'unsupported_media_type'),
  refused_field: refused('user_id', 'must be a string of 1 to 256 characters'),
  refused_query: refused('limit', 'must be a whole number from 1 to 1000'),
  idempotency_mismatch: error(422, 'This idempotency key was used with another request', 'idempotency_mismatch'),
  price_unknown: error(422, 'The price of the model is not known, so max_cost_usd could not hold', 'price_unknown'),
  rate_limited: error(429, 'Too many requests', 'rate_limited'),
  internal: error(500, 'Internal error', 'internal', { error_id: '5f1c0d2e9a7b4c38' }),
  storage_unavailable: error(503, 'Storage is not available at the moment', 'storage_unavailable'),
  draining: error(503, 'This replica is shutting down', 'draining'),
} as const satisfies Readonly<Record<string, DocumentedError>>;

const MEANINGS: Readonly<Record<number, string>> = {
  400: 'The request is malformed',
  401: 'No valid credentials',
  403: 'The caller may not do this',
  404: 'Unknown, deleted, or of another organization',
  409: 'The session is in the way',
  413: 'The body is too large',
  415: 'The body is not JSON',
  422: 'Every refused field is named',
  429: 'Too many requests',
  500: 'A bug of the gateway',
  503: 'Not available at the moment; try again',
};

export const { ApiErrors, ApiBodyErrors } = errorDocs({
  dto: ErrorDto,
  errors: ERRORS,
  meanings: MEANINGS,
  everywhere: ['malformed_url', 'unauthenticated', 'forbidden', 'rate_limited', 'internal', 'storage_unavailable', 'draining'],
  ofBodies: ['malformed_json', 'too_large', 'unsupported_media_type', 'refused_field'],
  retried: ['busy'],
  headers: { 401: { 'WWW-Authenticate': { description: 'Bearer', schema: { type: 'string' } } } },
});
