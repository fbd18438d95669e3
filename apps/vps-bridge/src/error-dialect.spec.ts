import { APP_ERRORS, type AppErrorCode } from '@agentfleet/errors';
import { renderError } from './error-dialect';

const render = (code: AppErrorCode, over: Partial<Parameters<typeof renderError>[0]> = {}) =>
  renderError({
    code,
    status: APP_ERRORS[code].status,
    message: APP_ERRORS[code].text,
    problems: [],
    extra: {},
    errorId: undefined,
    retryAfterSeconds: undefined,
    correlationId: 'c-1',
    path: '/api/vps/call',
    ...over,
  });

it.each<[AppErrorCode, number, string]>([
  ['malformed_json', 400, 'malformed_json'],
  ['invalid_protocol', 400, 'invalid_protocol'],
  ['unauthenticated', 401, 'unauthenticated'],
  ['token_expired', 401, 'unauthenticated'],
  ['forbidden', 403, 'forbidden'],
  ['session_owner_mismatch', 403, 'session_owner_mismatch'],
  ['agent_not_found', 404, 'agent_not_found'],
  ['session_not_found', 404, 'session_not_found'],
  ['route_not_found', 404, 'not_found'],
  ['uri_too_long', 404, 'not_found'],
  ['payload_too_large', 413, 'too_large'],
  ['unsupported_media_type', 415, 'unsupported_media_type'],
  ['validation_failed', 422, 'validation_failed'],
  ['rate_limited', 429, 'rate_limited'],
  ['storage_unavailable', 503, 'storage_unavailable'],
  ['overloaded', 503, 'overloaded'],
  ['draining', 503, 'draining'],
  ['answer_not_stored', 503, 'answer_not_stored'],
  ['internal', 500, 'internal'],
])('%s is %i %s', (code, status, wireCode) => {
  const rendered = render(code);
  expect(rendered.status).toBe(status);
  expect(rendered.body).toMatchObject({ detail: expect.stringMatching(/./), code: wireCode, correlation_id: 'c-1' });
});

it('names refused fields, the error id and what the error carries', () => {
  const problems = [{ field: 'port', message: 'must be a whole number from 1 to 65535' }];
  expect(render('validation_failed', { message: 'port must be a whole number from 1 to 65535', problems }).body).toEqual({
    detail: 'port must be a whole number from 1 to 65535',
    code: 'validation_failed',
    errors: problems,
    correlation_id: 'c-1',
  });
  expect(render('internal', { errorId: 'abc' }).body).toEqual({ detail: 'Internal error', code: 'internal', error_id: 'abc', correlation_id: 'c-1' });
  expect(render('answer_not_stored', { extra: { result: { success: true } } }).body).toMatchObject({ result: { success: true } });
});
