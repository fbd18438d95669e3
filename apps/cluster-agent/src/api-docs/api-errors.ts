import { errorDocs, type DocumentedError } from '@agentfleet/platform';
import { ErrorDto } from './error.dto';

const NAME = 'must be a string of 1 to 253 characters';
const LIMIT = 'must be a whole number from 1 to 9007199254740991';

/** `code` is what a refused URL, body or query is called on the wire, too. */
const error = (status: number, code: string, text: string, more: object = {}): DocumentedError => ({
  status,
  summary: code,
  body: { success: false, error: text, code, ...more, correlation_id: '0b9f2f5e-7f6c-4a7e-9a41-3f1c5f0f8f55' },
});

const ERRORS = {
  MALFORMED_URL: error(400, 'VALIDATION_FAILED', 'The URL is not valid'),
  MALFORMED_JSON: error(400, 'MALFORMED_JSON', 'Invalid JSON: unexpected end of input'),
  BODY: error(400, 'VALIDATION_FAILED', `name ${NAME}`, { details: [{ field: 'name', problem: NAME }] }),
  QUERY: error(400, 'VALIDATION_FAILED', `limit ${LIMIT}`, { details: [{ field: 'limit', problem: LIMIT }] }),
  UNAUTHENTICATED: error(401, 'UNAUTHENTICATED', 'Not authenticated'),
  FORBIDDEN: error(403, 'FORBIDDEN', 'Missing scope cluster:register'),
  CLUSTER_NOT_FOUND: error(404, 'CLUSTER_NOT_FOUND', 'cluster not found'),
  NAME_TAKEN: error(409, 'NAME_TAKEN', 'cluster name is already used by another agent'),
  PAYLOAD_TOO_LARGE: error(413, 'PAYLOAD_TOO_LARGE', 'The body is too large'),
  UNSUPPORTED_MEDIA_TYPE: error(415, 'UNSUPPORTED_MEDIA_TYPE', 'Content-Type must be application/json'),
  RATE_LIMITED: error(429, 'RATE_LIMITED', 'Too many requests'),
  INTERNAL: error(500, 'INTERNAL', 'internal error', { error_id: '5f1c0d2e9a7b4c38' }),
  UNAVAILABLE: error(503, 'UNAVAILABLE', 'temporarily unavailable, try again'),
  DRAINING: error(503, 'DRAINING', 'This replica is shutting down'),
};

export const { ApiErrors, ApiBodyErrors } = errorDocs<keyof typeof ERRORS>({
  dto: ErrorDto,
  errors: ERRORS,
  everywhere: ['MALFORMED_URL', 'UNAUTHENTICATED', 'FORBIDDEN', 'RATE_LIMITED', 'INTERNAL', 'UNAVAILABLE', 'DRAINING'],
  ofBodies: ['MALFORMED_JSON', 'BODY', 'PAYLOAD_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE'],
  meanings: {
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
  },
});
