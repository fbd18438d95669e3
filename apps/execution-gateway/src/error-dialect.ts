import type { RenderableError, RenderedError } from '@agentfleet/platform';

/** Codes of this contract that are spelled otherwise than in the table of application errors. */
const CODES: Readonly<Record<string, string>> = {
  route_not_found: 'not_found',
  payload_too_large: 'too_large',
  connection_limit: 'rate_limited',
  bus_unavailable: 'storage_unavailable',
  overloaded: 'capacity',
};

const BAD_CREDENTIALS = new Set(['unauthenticated', 'token_expired', 'token_revoked', 'invalid_credentials']);

/** The dialect of the execution gateway (contract section 2): `detail`, and `code` except in the two fixed bodies. */
export function renderError(failure: RenderableError): RenderedError {
  const { code, status } = failure;
  if (BAD_CREDENTIALS.has(code)) return { status: 401, body: { detail: 'Invalid API key' }, headers: { 'WWW-Authenticate': 'Bearer' } };
  if (code === 'session_not_found') return { status: 404, body: { detail: 'Session not found' } };
  if (code === 'validation_failed') {
    const errors = failure.problems.map(({ field, message }) => ({ field, message }));
    return { status: 422, body: { detail: failure.message, code, errors } };
  }
  if (code === 'internal') return { status: 500, body: { detail: 'Internal error', code, error_id: failure.errorId } };
  if (code === 'malformed_json') return { status: 400, body: { detail: jsonDetail(failure.message), code } };
  const body = { detail: failure.message, code: CODES[code] ?? code, ...failure.extra };
  return { status, body, headers: headersOf(failure) };
}

function headersOf({ code }: RenderableError): Record<string, string> {
  if (code === 'upgrade_required') return { Upgrade: 'websocket' };
  return code === 'busy' ? { 'Retry-After': '1' } : {};
}

function jsonDetail(message: string): string {
  return message.startsWith('Invalid JSON') ? message : `Invalid JSON: ${message}`;
}
