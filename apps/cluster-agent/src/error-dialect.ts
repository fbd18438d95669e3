import type { AppErrorCode } from '@agentfleet/errors';
import type { RenderableError, RenderedError } from '@agentfleet/platform';

/** Codes that this contract spells otherwise; all others are the code in capitals. */
const CODES: Partial<Record<AppErrorCode, string>> = {
  malformed_url: 'VALIDATION_FAILED',
  malformed_request: 'VALIDATION_FAILED',
  invalid_id: 'VALIDATION_FAILED',
  token_expired: 'UNAUTHENTICATED',
  token_revoked: 'UNAUTHENTICATED',
  storage_unavailable: 'UNAVAILABLE',
  bus_unavailable: 'UNAVAILABLE',
  overloaded: 'UNAVAILABLE',
};
const TEXTS: Partial<Record<AppErrorCode, string>> = {
  storage_unavailable: 'temporarily unavailable, try again',
  bus_unavailable: 'temporarily unavailable, try again',
  internal: 'internal error',
};

/** The one shape of this app's errors (contract section 7), over HTTP and for refused upgrades. */
export function renderError(failure: RenderableError): RenderedError {
  const details = failure.problems.map(({ field, message }) => ({ field, problem: message }));
  const isUpgrade = failure.code === 'upgrade_required';
  return {
    status: failure.status,
    headers: isUpgrade ? { Upgrade: 'websocket', 'Sec-WebSocket-Version': '13' } : {},
    body: {
      success: false,
      error: TEXTS[failure.code] ?? failure.message,
      code: CODES[failure.code] ?? failure.code.toUpperCase(),
      ...(details.length > 0 ? { details } : {}),
      ...(failure.errorId === undefined ? {} : { error_id: failure.errorId }),
      ...failure.extra,
      correlation_id: failure.correlationId,
    },
  };
}
