import fc from 'fast-check';
import { FAILURE_KINDS, classifyFailure, concealPort, failureText, shownCode, type AttemptPhase, type Failure, type FailureCause } from './failure';
import { matchesFailure } from './failure-pattern';

const codeOf = (cause: FailureCause, status?: number) => {
  const { errorType, errorCode } = classifyFailure(cause, status);
  return `${errorType} ${errorCode}`;
};
const socket = (phase: AttemptPhase, code: string): FailureCause => ({ kind: 'socket', phase, code });

describe('classifyFailure', () => {
  it.each<[string, FailureCause, string]>([
    ['the attempt ran out of time while waiting', { kind: 'attempt_timer', phase: 'head' }, 'TIMEOUT timeout'],
    ['the answer dripped past the time', { kind: 'attempt_timer', phase: 'body' }, 'TIMEOUT timeout'],
    ['the attempt ran out of time while resolving', { kind: 'attempt_timer', phase: 'resolve' }, 'CONNECTION connect_timeout'],
    ['the attempt ran out of time while connecting', { kind: 'attempt_timer', phase: 'connect' }, 'CONNECTION connect_timeout'],
    ['the call ran out of time', { kind: 'deadline' }, 'TIMEOUT deadline_exceeded'],
    ['not connected within the limit', { kind: 'connect_timer' }, 'CONNECTION connect_timeout'],
    ['address refused', { kind: 'address_denied' }, 'CONNECTION address_denied'],
    ['429', { kind: 'status', status: 429 }, 'RATE_LIMIT http_429'],
    ['301', { kind: 'status', status: 301 }, 'INVALID_RESPONSE redirect'],
    ['304', { kind: 'status', status: 304 }, 'INVALID_RESPONSE redirect'],
    ['400', { kind: 'status', status: 400 }, 'UNKNOWN http_400'],
    ['401', { kind: 'status', status: 401 }, 'UNKNOWN http_401'],
    ['408', { kind: 'status', status: 408 }, 'UNKNOWN http_408'],
    ['500', { kind: 'status', status: 500 }, 'UNKNOWN http_500'],
    ['504', { kind: 'status', status: 504 }, 'UNKNOWN http_504'],
    ['not JSON', { kind: 'body', problem: 'not_json' }, 'INVALID_RESPONSE not_json'],
    ['no text', { kind: 'body', problem: 'no_text' }, 'INVALID_RESPONSE no_text'],
    ['too large', { kind: 'body', problem: 'too_large' }, 'INVALID_RESPONSE too_large'],
    ['cut off', { kind: 'body', problem: 'cut_off' }, 'INVALID_RESPONSE cut_off'],
    ['unknown encoding', { kind: 'body', problem: 'bad_encoding' }, 'INVALID_RESPONSE bad_encoding'],
  ])('%s', (_name, cause, expected) => expect(codeOf(cause)).toBe(expected));

  it.each<[AttemptPhase, string, string]>([
    ['resolve', 'ENOTFOUND', 'CONNECTION dns'],
    ['resolve', 'EAI_AGAIN', 'CONNECTION dns'],
    ['resolve', '', 'CONNECTION dns'],
    ['connect', 'ENOTFOUND', 'CONNECTION dns'],
    ['connect', 'ECONNREFUSED', 'CONNECTION refused'],
    ['connect', 'EHOSTUNREACH', 'CONNECTION refused'],
    ['connect', 'ENETUNREACH', 'CONNECTION refused'],
    ['connect', 'ETIMEDOUT', 'CONNECTION connect_timeout'],
    ['connect', 'UND_ERR_CONNECT_TIMEOUT', 'CONNECTION connect_timeout'],
    ['connect', 'EPROTO', 'CONNECTION tls'],
    ['connect', 'ERR_SSL_WRONG_VERSION_NUMBER', 'CONNECTION tls'],
    ['connect', 'ERR_TLS_CERT_ALTNAME_INVALID', 'CONNECTION tls'],
    ['connect', 'CERT_HAS_EXPIRED', 'CONNECTION tls'],
    ['connect', 'DEPTH_ZERO_SELF_SIGNED_CERT', 'CONNECTION tls'],
    ['connect', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'CONNECTION tls'],
    ['connect', 'ECONNRESET', 'CONNECTION reset'],
    ['head', 'ECONNRESET', 'CONNECTION reset'],
    ['head', 'EPIPE', 'CONNECTION reset'],
    ['head', 'UND_ERR_SOCKET', 'CONNECTION reset'],
    ['head', '', 'CONNECTION reset'],
    ['head', 'HPE_INVALID_CONSTANT', 'INVALID_RESPONSE bad_http'],
    ['head', 'UND_ERR_HEADERS_OVERFLOW', 'INVALID_RESPONSE too_large'],
    ['body', 'UND_ERR_SOCKET', 'INVALID_RESPONSE cut_off'],
    ['body', 'ECONNRESET', 'INVALID_RESPONSE cut_off'],
    ['body', 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH', 'INVALID_RESPONSE cut_off'],
    ['body', 'HPE_INVALID_EOF_STATE', 'INVALID_RESPONSE cut_off'],
    ['body', 'HPE_INVALID_CHUNK_SIZE', 'INVALID_RESPONSE bad_http'],
  ])('socket error in %s: %s', (phase, code, expected) => expect(codeOf(socket(phase, code))).toBe(expected));

  it('names the status that had arrived before the body failed', () => {
    expect(classifyFailure({ kind: 'body', problem: 'not_json' }, 200).statusCode).toBe(200);
    expect(classifyFailure({ kind: 'status', status: 503 }).statusCode).toBe(503);
    expect(classifyFailure(socket('connect', 'ECONNREFUSED')).statusCode).toBeNull();
  });

  it('never guesses from digits: any unknown code keeps the type of its phase', () => {
    const digits = fc.integer({ min: 0, max: 65535 }).map((port) => `X_429_500_${port}`);
    fc.assert(fc.property(digits, (code) => codeOf(socket('connect', code)) === 'CONNECTION reset'));
  });

  it('gives one of the five types and a text of our own for every cause', () => {
    const phase = fc.constantFrom<AttemptPhase[]>('resolve', 'connect', 'head', 'body');
    const cause: fc.Arbitrary<FailureCause> = fc.oneof(
      fc.record({ kind: fc.constant('socket' as const), phase, code: fc.string() }),
      fc.record({ kind: fc.constant('attempt_timer' as const), phase }),
      fc.record({ kind: fc.constant('status' as const), status: fc.integer({ min: 300, max: 999 }) }),
    );
    fc.assert(
      fc.property(cause, (given) => {
        const failure: Failure = classifyFailure(given);
        expect(FAILURE_KINDS).toContain(failure.errorType);
        expect(failureText(failure)).toMatch(/agent|Agent|call/);
      }),
    );
  });
});

describe('failureText', () => {
  it('is fixed for each code', () => {
    expect(failureText({ errorCode: 'http_503' })).toBe('Agent answered with HTTP status 503');
    expect(failureText({ errorCode: 'timeout' })).toBe('Agent did not answer in time');
  });
});

describe('concealPort', () => {
  const conceal = (cause: FailureCause, status: number | null = null) => concealPort(classifyFailure(cause, status), cause);

  it.each<[FailureCause, string]>([
    [socket('connect', 'ECONNREFUSED'), 'refused'],
    [socket('connect', 'ECONNRESET'), 'reset'],
    [socket('head', 'UND_ERR_SOCKET'), 'reset'],
    [socket('head', 'HPE_INVALID'), 'bad_http'],
    [socket('connect', 'EPROTO'), 'tls'],
    [socket('connect', 'ERR_SSL_WRONG_VERSION_NUMBER'), 'tls'],
  ])('%j looks like all others, and lists still see %s', (cause, code) => {
    const failure = conceal(cause);
    expect({ type: failure.errorType, code: shownCode(failure), text: failureText(failure) }).toEqual({
      type: 'CONNECTION',
      code: 'refused',
      text: failureText(conceal(socket('connect', 'ECONNREFUSED'))),
    });
    expect(failure.errorCode).toBe(code);
    expect([matchesFailure([code], failure), matchesFailure(['CONNECTION'], failure), matchesFailure(['refused'], failure)]).toEqual([true, true, code === 'refused']);
  });

  it.each<[FailureCause, number | null]>([
    [{ kind: 'status', status: 503 }, null],
    [{ kind: 'attempt_timer', phase: 'head' }, null],
    [{ kind: 'attempt_timer', phase: 'connect' }, null],
    [{ kind: 'address_denied' }, null],
    [{ kind: 'body', problem: 'not_json' }, 200],
    [socket('body', 'HPE_INVALID'), 200],
    [socket('connect', 'DEPTH_ZERO_SELF_SIGNED_CERT'), null],
    [socket('resolve', 'ENOTFOUND'), null],
  ])('%j is shown as it is', (cause, status) => {
    const failure = conceal(cause, status);
    expect(failure).toEqual(classifyFailure(cause, status));
    expect(shownCode(failure)).toBe(failure.errorCode);
  });
});
