import type { AiwmError, AiwmErrorCode } from '@agentfleet/contracts';
import type { AppErrorCode } from '@agentfleet/errors';
import { systemClock, type RenderableError, type RenderedError } from '@agentfleet/platform';
import type { Documented } from './api/documented';

/** AIWM's own words for codes that the contract spells otherwise; all others are the code in capitals. */
const CODES: Partial<Record<AppErrorCode, AiwmErrorCode>> = {
  malformed_url: 'VALIDATION_FAILED',
  malformed_request: 'VALIDATION_FAILED',
  route_not_found: 'NOT_FOUND',
  agent_not_found: 'NOT_FOUND',
  storage_unavailable: 'UNAVAILABLE',
  bus_unavailable: 'UNAVAILABLE',
  draining: 'UNAVAILABLE',
};

/** The one shape of AIWM's errors (contract section 1). */
export function renderError(failure: RenderableError): RenderedError {
  const errors = failure.problems.map(({ field, message }) => (message.startsWith(':') ? `${field}${message}` : `${field} ${message}`));
  const isValidation = failure.code === 'validation_failed';
  return {
    status: failure.status,
    body: {
      statusCode: failure.status,
      code: CODES[failure.code] ?? failure.code.toUpperCase(),
      message: isValidation ? 'Validation failed' : failure.message,
      ...(isValidation ? { errors: errors.length > 0 ? errors : [failure.message] } : {}),
      ...(failure.errorId === undefined ? {} : { error_id: failure.errorId }),
      timestamp: new Date(systemClock.now()).toISOString(),
      path: failure.path,
      correlationId: failure.correlationId,
    } satisfies Documented<AiwmError>,
  };
}
