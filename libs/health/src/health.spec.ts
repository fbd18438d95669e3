import { classifyFailure, type Failure, type FailureCause } from '@agentfleet/errors';
import { claimTrial, type CircuitSettings, type Route } from '@agentfleet/resilience';
import fc from 'fast-check';
import { atNewAddress, averageResponseMs, newHealth, statusOf, successRate, type HealthState } from './health-state';
import { applyOutcome, applyProbe, failureOutcome, isNeutralFailure } from './outcome';
import { summarise } from './summary';

const settings: CircuitSettings = { failures: 3, cooldownMs: 20_000, cooldownMaxMs: 60_000, retryAfterMaxMs: 10_000 };
const T0 = 1_000_000;
const failure = (cause: FailureCause): Failure => classifyFailure(cause);
const status = (value: number) => failure({ kind: 'status', status: value });
const refused = failure({ kind: 'socket', phase: 'connect', code: 'ECONNREFUSED' });

/** S success, F HTTP 500, C refused, N a neutral 400, P a probe that reaches it, p one that does not, R reset. */
type Symbol1 = 'S' | 'F' | 'C' | 'N' | 'P' | 'p' | 'R';

function step(state: HealthState, symbol: Symbol1, nowMs = T0, route: Route = state.circuit.state === 'closed' ? 'normal' : 'forced'): HealthState {
  const base = { startedAtMs: nowMs, route };
  switch (symbol) {
    case 'S':
      return applyOutcome(state, { kind: 'success', ...base, responseMs: 100 }, nowMs, settings);
    case 'F':
      return applyOutcome(state, failureOutcome(base, status(500), null), nowMs, settings);
    case 'C':
      return applyOutcome(state, failureOutcome(base, refused, null), nowMs, settings);
    case 'N':
      return applyOutcome(state, failureOutcome(base, status(400), null), nowMs, settings);
    case 'P':
      return applyProbe(state, { atMs: nowMs, reached: true, statusCode: 404, errorCode: null });
    case 'p':
      return applyProbe(state, { atMs: nowMs, reached: false, statusCode: null, errorCode: 'refused' });
    case 'R':
      return newHealth(nowMs);
  }
}
const play = (symbols: string) => [...symbols].reduce((state, symbol) => step(state, symbol as Symbol1), newHealth(T0));
const shown = (state: HealthState) =>
  `${state.requests}/${state.failures}/${state.consecutiveFailures} ${successRate(state)} ${statusOf(state)} ${state.circuit.state}`;

describe('the table of outcomes', () => {
  it.each([
    ['', '0/0/0 100 healthy closed'],
    ['S', '1/0/0 100 healthy closed'],
    ['F', '1/1/1 0 unhealthy closed'],
    ['SF', '2/1/1 50 degraded closed'],
    ['SFFSF', '5/3/1 40 unhealthy closed'],
    ['S'.repeat(10) + 'FF', '12/2/2 83.33 degraded closed'],
    ['S'.repeat(10) + 'FFF', '13/3/3 76.92 unhealthy open'],
    ['FFFS', '4/3/0 25 healthy closed'],
    ['FFF' + 'S'.repeat(197), '200/3/0 98.5 healthy closed'],
    ['FFFFFF', '6/6/6 0 unhealthy open'],
    ['CCCCC', '5/5/5 0 unreachable open'],
    ['CCCC', '4/4/4 0 unhealthy open'],
    ['FCCCCC', '6/6/6 0 unreachable open'],
    ['CCCCCF', '6/6/6 0 unhealthy open'],
    ['CCCCCP', '5/5/5 0 degraded open'],
    ['CCCCCp', '5/5/5 0 unreachable open'],
    ['CCCCCPC', '6/6/6 0 unreachable open'],
    ['CCCCCS', '6/5/0 16.67 healthy closed'],
    ['FFFCCCCCR', '0/0/0 100 healthy closed'],
    ['FNN', '1/1/1 0 unhealthy closed'],
  ])('%s gives %s', (symbols, expected) => expect(shown(play(symbols))).toBe(expected));

  it('a probe that reaches the agent makes retry_at now', () => {
    expect(step(play('CCCCC'), 'P', T0 + 77).circuit).toMatchObject({ state: 'open', retryAtMs: T0 + 77 });
  });
});

describe('applyOutcome', () => {
  it('remembers the last error by our own words, type and time', () => {
    const state = step(play('S'), 'F', T0 + 5);
    expect(state).toMatchObject({ lastError: 'Agent answered with HTTP status 500', lastErrorType: 'UNKNOWN', lastErrorAtMs: T0 + 5 });
    expect(step(state, 'S', T0 + 9)).toMatchObject({ lastErrorAtMs: T0 + 5, lastSuccessAtMs: T0 + 9 });
    expect(newHealth(T0).lastError).toBeNull();
  });

  it('averages over successes only', () => {
    const slow = applyOutcome(play('SF'), { kind: 'success', startedAtMs: T0, route: 'normal', responseMs: 201 }, T0, settings);
    expect(averageResponseMs(slow)).toBe(150.5);
    expect(averageResponseMs(play('F'))).toBe(0);
  });

  it.each<[string, Failure, boolean]>([
    ['400', status(400), true],
    ['413', status(413), true],
    ['422', status(422), true],
    ['the caller ran out of time', failure({ kind: 'deadline' }), true],
    ['401', status(401), false],
    ['404', status(404), false],
    ['429', status(429), false],
    ['an answer that is not JSON', classifyFailure({ kind: 'body', problem: 'not_json' }, 400), false],
    ['timeout', failure({ kind: 'attempt_timer', phase: 'head' }), false],
    ['refused', refused, false],
  ])('%s neutral: %s', (_name, given, neutral) => {
    expect(isNeutralFailure(given)).toBe(neutral);
    const state = newHealth(T0);
    const result = applyOutcome(state, failureOutcome({ startedAtMs: T0, route: 'normal' }, given, null), T0, settings);
    expect(result === state).toBe(neutral);
  });

  it('does not count what began before the reset', () => {
    const state = newHealth(T0);
    expect(applyOutcome(state, { kind: 'success', startedAtMs: T0 - 1, route: 'trial', responseMs: 1 }, T0, settings)).toBe(state);
    expect(applyOutcome(state, failureOutcome({ startedAtMs: T0 - 1, route: 'normal' }, refused, null), T0, settings)).toBe(state);
  });

  it('opens at once on a 429 with a long Retry-After, which counts as one failure', () => {
    const state = applyOutcome(newHealth(T0), failureOutcome({ startedAtMs: T0, route: 'normal' }, status(429), 45_000), T0, settings);
    expect(state).toMatchObject({ requests: 1, failures: 1, circuit: { state: 'open', openedAtMs: T0, retryAtMs: T0 + 45_000 } });
  });

  it('goes through trial, failure, doubled cool-down and healing', () => {
    const opened = play('FFF');
    const claimed = { ...opened, circuit: claimTrial(opened.circuit, T0 + 20_000, 35_000) };
    const failedTrial = step(claimed, 'F', T0 + 20_100, 'trial');
    expect(failedTrial.circuit).toEqual({ state: 'open', openedAtMs: T0, retryAtMs: T0 + 60_100, cooldownMs: 40_000 });
    const neutralTrial = step(claimed, 'N', T0 + 20_100, 'trial');
    expect(neutralTrial).toMatchObject({ requests: 3, circuit: { state: 'open', retryAtMs: T0 + 20_100, cooldownMs: 20_000 } });
    expect(shown(step(failedTrial, 'S', T0 + 60_200, 'trial'))).toBe('5/4/0 20 healthy closed');
    const reopened = ['F', 'F', 'F'].reduce((state, symbol) => step(state, symbol as Symbol1, T0 + 61_000), step(failedTrial, 'S'));
    expect(reopened.circuit).toMatchObject({ cooldownMs: 20_000, openedAtMs: T0 + 61_000 });
  });

  it('starts afresh at another address, with its counters kept', () => {
    expect(atNewAddress(play('SCCCCC'), T0 + 3)).toMatchObject({
      epochMs: T0 + 3,
      requests: 6,
      failures: 5,
      consecutiveFailures: 0,
      consecutiveConnectionFailures: 0,
      circuit: { state: 'closed' },
    });
  });

  it('keeps its counters consistent for any history, and a success always heals', () => {
    const history = fc.array(fc.constantFrom<Symbol1[]>('S', 'F', 'C', 'N', 'P', 'p'), { maxLength: 60 });
    fc.assert(
      fc.property(history, (symbols) => {
        const state = play(symbols.join(''));
        const counted = symbols.filter((symbol) => 'SFC'.includes(symbol));
        expect(state.requests).toBe(counted.length);
        expect(state.failures).toBe(counted.filter((symbol) => symbol !== 'S').length);
        expect(state.consecutiveFailures).toBe(counted.length - 1 - counted.lastIndexOf('S'));
        expect(successRate(state)).toBeGreaterThanOrEqual(0);
        expect(successRate(state)).toBeLessThanOrEqual(100);
        expect(state.circuit.state === 'open').toBe(state.consecutiveFailures >= 3);
        expect(shown(step(state, 'S'))).toMatch(/ healthy closed$/);
      }),
    );
  });
});

describe('summarise', () => {
  it.each<[string, string[], string, number]>([
    ['nobody', [], 'no_agents', 0],
    ['all healthy', ['S', ''], 'healthy', 0],
    ['one of two is unreachable', ['S', 'CCCCC'], 'degraded', 83.33],
    ['none healthy, one degraded', ['SF', 'CCCCC'], 'degraded', 85.71],
    ['none healthy or degraded', ['FFF', 'CCCCC'], 'unhealthy', 100],
  ])('%s: %s', (_name, agents, expected, errorRate) => {
    expect(summarise(agents.map(play))).toMatchObject({ status: expected, errorRate, total: agents.length });
  });

  it('counts each agent under exactly one status', () => {
    expect(summarise(['S', 'SF', 'F', 'CCCCC', ''].map(play)).byStatus).toEqual({ healthy: 2, degraded: 1, unhealthy: 1, unreachable: 1 });
  });
});
