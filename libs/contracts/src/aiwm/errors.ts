export type AiwmErrorCode =
  | 'VALIDATION_FAILED'
  | 'MALFORMED_JSON'
  | 'INVALID_ID'
  | 'UNAUTHENTICATED'
  | 'TOKEN_EXPIRED'
  | 'TOKEN_REVOKED'
  | 'INVALID_CREDENTIALS'
  | 'AGENT_SUSPENDED'
  | 'FORBIDDEN'
  | 'TOKEN_NOT_FOR_THIS_AGENT'
  | 'NOT_FOUND'
  | 'IN_USE'
  | 'CONFLICT'
  | 'IDEMPOTENCY_MISMATCH'
  | 'PAYLOAD_TOO_LARGE'
  | 'UNSUPPORTED_MEDIA_TYPE'
  | 'RATE_LIMITED'
  | 'INTERNAL'
  | 'OVERLOADED'
  | 'UNAVAILABLE'
  | AiwmTransportErrorCode;

/** Of requests that reach no route. */
export type AiwmTransportErrorCode = 'REQUEST_TIMEOUT' | 'URI_TOO_LONG' | 'HEADERS_TOO_LARGE';

/** The one shape of AIWM's errors. */
export interface AiwmError {
  readonly statusCode: number;
  readonly code: AiwmErrorCode;
  readonly message: string;
  /** Only with `VALIDATION_FAILED`: every refused field. */
  readonly errors?: readonly string[];
  /** Only with 500: finds the line of the log. */
  readonly error_id?: string;
  readonly timestamp: string;
  /** Without the query. */
  readonly path: string;
  readonly correlationId: string;
}
