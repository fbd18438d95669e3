import { applyDecorators } from '@nestjs/common';
import { ApiResponse } from '@nestjs/swagger';
import { ErrorDto } from './error.dto';

interface DocumentedError {
  readonly status: number;
  readonly error: string;
  readonly more?: Readonly<Record<string, unknown>>;
}

const NAME = 'must be a string of 1 to 253 characters';
const LIMIT = 'must be a whole number from 1 to 9007199254740991';

const ERRORS = {
  MALFORMED_URL: { status: 400, error: 'The URL is not valid' },
  MALFORMED_JSON: { status: 400, error: 'Invalid JSON: unexpected end of input' },
  BODY: { status: 400, error: `name ${NAME}`, more: { details: [{ field: 'name', problem: NAME }] } },
  QUERY: { status: 400, error: `limit ${LIMIT}`, more: { details: [{ field: 'limit', problem: LIMIT }] } },
  UNAUTHENTICATED: { status: 401, error: 'Not authenticated' },
  FORBIDDEN: { status: 403, error: 'Missing scope cluster:register' },
  CLUSTER_NOT_FOUND: { status: 404, error: 'cluster not found' },
  NAME_TAKEN: { status: 409, error: 'cluster name is already used by another agent' },
  PAYLOAD_TOO_LARGE: { status: 413, error: 'The body is too large' },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, error: 'Content-Type must be application/json' },
  RATE_LIMITED: { status: 429, error: 'Too many requests' },
  INTERNAL: { status: 500, error: 'internal error', more: { error_id: '5f1c0d2e9a7b4c38' } },
  UNAVAILABLE: { status: 503, error: 'temporarily unavailable, try again' },
  DRAINING: { status: 503, error: 'This replica is shutting down' },
} as const satisfies Readonly<Record<string, DocumentedError>>;

type ErrorName = keyof typeof ERRORS;

/** What a refused URL, body or query is called on the wire. */
const VALIDATION: ReadonlySet<ErrorName> = new Set(['MALFORMED_URL', 'BODY', 'QUERY']);
const EVERYWHERE: readonly ErrorName[] = ['MALFORMED_URL', 'UNAUTHENTICATED', 'FORBIDDEN', 'RATE_LIMITED', 'INTERNAL', 'UNAVAILABLE', 'DRAINING'];
const OF_BODIES: readonly ErrorName[] = ['MALFORMED_JSON', 'BODY', 'PAYLOAD_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE'];

const MEANINGS: Readonly<Record<number, string>> = {
  400: 'The request is not valid; every refused field is named',
  401: 'No valid credentials',
  403: 'The caller may not do this',
  404: 'Unknown, malformed, or of another organization',
  409: 'Another agent has this name',
  413: 'The body is too large',
  415: 'The body is not JSON',
  429: 'Too many requests',
  500: 'A bug of this app',
  503: 'Not available at the moment; try again',
};
const RETRY_AFTER = { 'Retry-After': { description: 'Seconds, whole', schema: { type: 'integer' as const, minimum: 1 } } };

function documented(status: number, names: readonly ErrorName[]): MethodDecorator {
  const examples = Object.fromEntries(
    names.map((name) => {
      const { error, more }: DocumentedError = ERRORS[name];
      const code = VALIDATION.has(name) ? 'VALIDATION_FAILED' : name;
      return [name.toLowerCase(), { summary: code, value: { success: false, error, code, ...more, correlation_id: '0b9f2f5e-7f6c-4a7e-9a41-3f1c5f0f8f55' } }];
    }),
  );
  const mayRetry = status === 429 || status === 503;
  return ApiResponse({ status, description: MEANINGS[status] ?? '', type: ErrorDto, examples, ...(mayRetry ? { headers: RETRY_AFTER } : {}) });
}

/** Documents the errors of a route: those that every route has, and these. */
export function ApiErrors(...names: readonly ErrorName[]): MethodDecorator {
  const all = [...new Set([...EVERYWHERE, ...names])];
  const statuses = [...new Set(all.map((name) => ERRORS[name].status))];
  return applyDecorators(...statuses.map((status) => documented(status, all.filter((name) => ERRORS[name].status === status))));
}

/** The same for a route that takes a body. */
export function ApiBodyErrors(...names: readonly ErrorName[]): MethodDecorator {
  return ApiErrors(...OF_BODIES, ...names);
}
