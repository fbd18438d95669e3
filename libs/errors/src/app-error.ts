/**
 * The one table of application errors: everything a caller can mend, with its HTTP status and default text. Apps word
 * them in their own dialect (case of the code, shape of the body, a few statuses) through their error renderer.
 */
export const APP_ERRORS = {
  malformed_json: { status: 400, text: 'The body is not valid JSON' },
  malformed_url: { status: 400, text: 'The URL is not valid' },
  malformed_request: { status: 400, text: 'The request is not valid HTTP' },
  invalid_id: { status: 400, text: 'The id is not valid' },
  invalid_protocol: { status: 400, text: 'Invalid protocol' },
  workspace_outside_root: { status: 400, text: 'Workspace path must remain under the workspace root' },
  validation_failed: { status: 400, text: 'Validation failed' },
  unauthenticated: { status: 401, text: 'Not authenticated' },
  token_expired: { status: 401, text: 'The token has expired' },
  token_revoked: { status: 401, text: 'The token is no longer valid' },
  invalid_credentials: { status: 401, text: 'Invalid credentials' },
  agent_suspended: { status: 401, text: 'The agent is suspended' },
  forbidden: { status: 403, text: 'Missing right' },
  token_not_for_this_agent: { status: 403, text: 'The token belongs to another agent' },
  session_owner_mismatch: { status: 403, text: 'The session belongs to another user' },
  not_found: { status: 404, text: 'Not Found' },
  route_not_found: { status: 404, text: 'Not Found' },
  agent_not_found: { status: 404, text: 'Agent not found' },
  session_not_found: { status: 404, text: 'Session not found' },
  call_not_found: { status: 404, text: 'Call not found' },
  run_not_found: { status: 404, text: 'Run not found' },
  input_not_found: { status: 404, text: 'Input not found' },
  cluster_not_found: { status: 404, text: 'cluster not found' },
  command_not_found: { status: 404, text: 'command not found' },
  request_timeout: { status: 408, text: 'The request took too long to arrive' },
  in_use: { status: 409, text: 'Still in use' },
  conflict: { status: 409, text: 'Conflict' },
  busy: { status: 409, text: 'Session is busy: a run is in progress' },
  session_id_taken: { status: 409, text: 'This session id is taken' },
  call_in_progress: { status: 409, text: 'A call with this Idempotency-Key is in progress' },
  name_taken: { status: 409, text: 'cluster name is already used by another agent' },
  payload_too_large: { status: 413, text: 'The body is too large' },
  uri_too_long: { status: 414, text: 'The URL is too long' },
  range_not_satisfiable: { status: 416, text: 'There is no such range' },
  unsupported_media_type: { status: 415, text: 'Content-Type must be application/json' },
  idempotency_mismatch: { status: 422, text: 'This idempotency key was used with another request' },
  price_unknown: { status: 422, text: 'No price of this model is known, so a limit on the cost cannot be kept. Leave max_cost_usd out.' },
  upgrade_required: { status: 426, text: 'This path is a WebSocket: send an upgrade request' },
  rate_limited: { status: 429, text: 'Too many requests' },
  connection_limit: { status: 429, text: 'Too many connections for this key' },
  headers_too_large: { status: 431, text: 'The request header is too large' },
  internal: { status: 500, text: 'Internal error' },
  storage_unavailable: { status: 503, text: 'Storage is not available at the moment' },
  bus_unavailable: { status: 503, text: 'The message bus is not available at the moment' },
  aiwm_unavailable: { status: 503, text: 'AIWM does not answer at the moment' },
  overloaded: { status: 503, text: 'Too much work at the moment' },
  capacity: { status: 503, text: 'No capacity at the moment' },
  draining: { status: 503, text: 'This replica is shutting down' },
  answer_not_stored: { status: 503, text: 'The answer could not be stored' },
} as const satisfies Record<string, { readonly status: number; readonly text: string }>;

export type AppErrorCode = keyof typeof APP_ERRORS;

/** A refused field of a request: `field` is its path as the caller spells it, `message` continues it ("must be …"). */
export interface FieldProblem {
  readonly field: string;
  readonly message: string;
}

export interface AppErrorOptions {
  /** Text for the caller; default: the table's. Never a secret, a stack or a driver message. */
  readonly message?: string;
  readonly problems?: readonly FieldProblem[];
  /** Whole seconds, for the Retry-After header; default for 429 and 503: 1. */
  readonly retryAfterSeconds?: number;
  /** Further fields of the answer's body, for renderers that pass them on. */
  readonly extra?: Readonly<Record<string, unknown>>;
  /** The cause, for the log only. */
  readonly cause?: unknown;
}

/** An error that the caller can mend or should retry. Everything else that is thrown is a bug and answered with 500. */
export class AppError extends Error {
  readonly status: number;
  readonly problems: readonly FieldProblem[];
  readonly retryAfterSeconds: number | undefined;
  readonly extra: Readonly<Record<string, unknown>>;

  constructor(
    readonly code: AppErrorCode,
    options: AppErrorOptions = {},
  ) {
    super(options.message ?? APP_ERRORS[code].text, { cause: options.cause });
    this.name = 'AppError';
    this.status = APP_ERRORS[code].status;
    this.problems = options.problems ?? [];
    this.extra = options.extra ?? {};
    const retryable = this.status === 429 || this.status === 503;
    this.retryAfterSeconds = options.retryAfterSeconds ?? (retryable ? 1 : undefined);
  }
}

/** Makes a `switch` over a union exhaustive: the compiler refuses it when a case is missing. */
export function unreachable(value: never): never {
  throw new Error(`Unreachable: ${String(value)}`);
}
