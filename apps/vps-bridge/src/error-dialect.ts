import type { VpsErrorBody } from '@agentfleet/contracts';
import type { AppErrorCode } from '@agentfleet/errors';
import type { RenderableError, RenderedError } from '@agentfleet/platform';

interface Wording {
  readonly status?: number;
  readonly code?: string;
  readonly detail?: string;
}

const UNAUTHENTICATED: Wording = { status: 401, code: 'unauthenticated', detail: 'Not authenticated' };
const NOT_FOUND: Wording = { status: 404, code: 'not_found', detail: 'Not Found' };

/** Where the bridge's dialect differs from the table of errors (contract vps-bridge section 2). */
const WORDINGS: Partial<Record<AppErrorCode, Wording>> = {
  validation_failed: { status: 422 },
  invalid_id: { status: 422, code: 'validation_failed' },
  malformed_request: { code: 'malformed_json' },
  token_expired: UNAUTHENTICATED,
  token_revoked: UNAUTHENTICATED,
  invalid_credentials: UNAUTHENTICATED,
  unauthenticated: UNAUTHENTICATED,
  agent_suspended: UNAUTHENTICATED,
  token_not_for_this_agent: { code: 'forbidden' },
  route_not_found: NOT_FOUND,
  uri_too_long: NOT_FOUND, // an id that could not exist
  payload_too_large: { code: 'too_large' },
  idempotency_mismatch: { code: 'idempotency_key_reused', detail: 'This Idempotency-Key was used with another request' },
  bus_unavailable: { code: 'storage_unavailable' },
};

/** The only id whose form the bridge checks; ids in paths that could not exist are 404. */
const INVALID_ORGANIZATION = { field: 'X-Organization-Id', message: 'must be 24 lower-case hex digits' };

/** Every error of the bridge in its one shape. */
export function renderError(failure: RenderableError): RenderedError {
  const wording = WORDINGS[failure.code] ?? {};
  const problems = failure.code === 'invalid_id' ? [INVALID_ORGANIZATION] : failure.problems;
  const body: VpsErrorBody & Readonly<Record<string, unknown>> = {
    detail: wording.detail ?? failure.message,
    code: wording.code ?? failure.code,
    ...(problems.length > 0 ? { errors: problems } : {}),
    ...(failure.errorId === undefined ? {} : { error_id: failure.errorId }),
    ...failure.extra,
    correlation_id: failure.correlationId,
  };
  return { status: wording.status ?? failure.status, body };
}
