import { applyDecorators } from '@nestjs/common';
import { ApiResponse } from '@nestjs/swagger';
import { CALL_RESULT } from './examples';
import { ErrorDto } from './error.dto';

interface DocumentedError {
  readonly status: number;
  readonly detail: string;
  readonly more?: Readonly<Record<string, unknown>>;
}

const PORT = 'must be a whole number from 1 to 65535';

const ERRORS = {
  malformed_url: { status: 400, detail: 'The URL is not valid' },
  malformed_json: { status: 400, detail: 'Invalid JSON: unexpected end of input' },
  invalid_protocol: { status: 400, detail: 'Invalid protocol: ftp' },
  unauthenticated: { status: 401, detail: 'Not authenticated' },
  forbidden: { status: 403, detail: 'Missing scope vps:manage' },
  session_owner_mismatch: { status: 403, detail: "Session 'sess-123' belongs to another user" },
  agent_not_found: { status: 404, detail: "Agent 'pm-agent' not found" },
  session_not_found: { status: 404, detail: "Session 'sess-123' not found" },
  call_not_found: { status: 404, detail: "Call 'call_01JDC6ZK3M8S' not found" },
  call_in_progress: { status: 409, detail: 'A call with this Idempotency-Key is in progress', more: { call_id: 'call_01JDC6ZK3M8S' } },
  too_large: { status: 413, detail: 'The body is too large' },
  unsupported_media_type: { status: 415, detail: 'Content-Type must be application/json' },
  validation_failed: { status: 422, detail: `port ${PORT}`, more: { errors: [{ field: 'port', message: PORT }] } },
  idempotency_key_reused: { status: 422, detail: 'This Idempotency-Key was used with another request' },
  rate_limited: { status: 429, detail: 'Too many requests' },
  internal: { status: 500, detail: 'Internal error', more: { error_id: '5f1c0d2e9a7b4c38' } },
  storage_unavailable: { status: 503, detail: 'Storage is not available at the moment' },
  overloaded: { status: 503, detail: 'Too many calls are running in this replica' },
  draining: { status: 503, detail: 'This replica is shutting down' },
  answer_not_stored: { status: 503, detail: 'The answer could not be stored', more: { result: CALL_RESULT } },
} as const satisfies Readonly<Record<string, DocumentedError>>;

type ErrorCode = keyof typeof ERRORS;

const EVERYWHERE: readonly ErrorCode[] = ['malformed_url', 'unauthenticated', 'forbidden', 'rate_limited', 'internal', 'storage_unavailable', 'draining'];
const OF_BODIES: readonly ErrorCode[] = ['malformed_json', 'too_large', 'unsupported_media_type', 'validation_failed'];

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
const RETRY_AFTER = { 'Retry-After': { description: 'Seconds, whole', schema: { type: 'integer' as const, minimum: 1 } } };

function documented(status: number, codes: readonly ErrorCode[]): MethodDecorator {
  const examples = Object.fromEntries(
    codes.map((code) => {
      const error: DocumentedError = ERRORS[code];
      return [code, { summary: code, value: { detail: error.detail, code, ...error.more, correlation_id: '0b9f2f5e-7f6c-4a7e-9a41-3f1c5f0f8f55' } }];
    }),
  );
  const mayRetry = status === 409 || status === 429 || status === 503;
  return ApiResponse({ status, description: MEANINGS[status] ?? '', type: ErrorDto, examples, ...(mayRetry ? { headers: RETRY_AFTER } : {}) });
}

/** Documents the errors of a route: those that every route has, and these. */
export function ApiErrors(...codes: readonly ErrorCode[]): MethodDecorator {
  const all = [...new Set([...EVERYWHERE, ...codes])];
  const statuses = [...new Set(all.map((code) => ERRORS[code].status))];
  return applyDecorators(...statuses.map((status) => documented(status, all.filter((code) => ERRORS[code].status === status))));
}

/** The same for a route that takes a body. */
export function ApiBodyErrors(...codes: readonly ErrorCode[]): MethodDecorator {
  return ApiErrors(...OF_BODIES, ...codes);
}
