import fc from 'fast-check';
import { FAILURE_KINDS, classifyFailure, type FailureCause } from './failure';
import { allowsFallback, isFailurePattern, isRetryable, matchesFailure } from './failure-pattern';

const status = (value: number) => classifyFailure({ kind: 'status', status: value });
const refused = classifyFailure({ kind: 'socket', phase: 'connect', code: 'ECONNREFUSED' });

describe('isFailurePattern', () => {
  it.each(['TIMEOUT', 'RATE_LIMIT', 'CONNECTION', 'INVALID_RESPONSE', 'UNKNOWN', 'dns', 'refused', 'connect_timeout', 'tls'])('takes %s', (text) =>
    expect(isFailurePattern(text)).toBe(true),
  );
  it.each(['timeout', 'deadline_exceeded', 'not_json', 'redirect', 'http_429', '503', '408', '4xx', '5xx'])('takes %s', (text) =>
    expect(isFailurePattern(text)).toBe(true),
  );
  it.each(['', '3xx', '6xx', '99', '600', '0503', '503 ', 'http_', 'http_5xx', 'Timeout', 'constructor', '__proto__', '5XX'])('refuses %j', (text) =>
    expect(isFailurePattern(text)).toBe(false),
  );
});

describe('matchesFailure', () => {
  it.each([
    [['UNKNOWN'], true],
    [['http_503'], true],
    [['503'], true],
    [['5xx'], true],
    [['4xx', '502', 'TIMEOUT'], false],
    [[], false],
  ])('503 against %j: %s', (patterns, expected) => expect(matchesFailure(patterns, status(503))).toBe(expected));

  it('matches connection failures by code, and never by a status', () => {
    expect(matchesFailure(['refused'], refused)).toBe(true);
    expect(matchesFailure(['reset'], refused)).toBe(false);
    expect(matchesFailure(['5xx', '4xx', '503'], refused)).toBe(false);
  });
});

describe('isRetryable', () => {
  it.each<[string, FailureCause, boolean]>([
    ['timeout', { kind: 'attempt_timer', phase: 'head' }, true],
    ['429', { kind: 'status', status: 429 }, true],
    ['refused', { kind: 'socket', phase: 'connect', code: 'ECONNREFUSED' }, true],
    ['408', { kind: 'status', status: 408 }, true],
    ['500', { kind: 'status', status: 500 }, true],
    ['400', { kind: 'status', status: 400 }, false],
    ['401', { kind: 'status', status: 401 }, false],
    ['not JSON', { kind: 'body', problem: 'not_json' }, false],
    ['redirect', { kind: 'status', status: 302 }, false],
    ['deadline', { kind: 'deadline' }, false],
    ['address denied', { kind: 'address_denied' }, false],
  ])('by default: %s', (_name, cause, expected) => expect(isRetryable(null, classifyFailure(cause))).toBe(expected));

  it('replaces the default by a given list; [] means never', () => {
    expect(isRetryable(['INVALID_RESPONSE'], classifyFailure({ kind: 'body', problem: 'not_json' }))).toBe(true);
    expect(isRetryable(['INVALID_RESPONSE'], status(500))).toBe(false);
    expect(isRetryable([], status(500))).toBe(false);
  });

  it('never repeats address_denied, deadline_exceeded and too_large, whatever the list', () => {
    const never: FailureCause[] = [{ kind: 'address_denied' }, { kind: 'deadline' }, { kind: 'body', problem: 'too_large' }];
    const list = fc.array(fc.constantFrom(...FAILURE_KINDS, 'address_denied', 'deadline_exceeded', 'too_large'));
    fc.assert(
      fc.property(list, fc.constantFrom(...never), (retryOn, cause) => !isRetryable(retryOn, classifyFailure(cause, 200))),
    );
  });
});

describe('allowsFallback', () => {
  it('is for every type by default, and for the listed ones otherwise', () => {
    expect(allowsFallback(null, status(401))).toBe(true);
    expect(allowsFallback(null, classifyFailure({ kind: 'address_denied' }))).toBe(true);
    expect(allowsFallback(['CONNECTION'], status(401))).toBe(false);
    expect(allowsFallback([], refused)).toBe(false);
  });
});
