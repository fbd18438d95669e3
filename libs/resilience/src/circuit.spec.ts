import fc from 'fast-check';
import {
  CLOSED,
  admissionOf,
  circuitAfterFailure,
  circuitAfterNeutral,
  circuitAfterProbe,
  claimTrial,
  type Circuit,
  type CircuitSettings,
  type CountedFailure,
  type Route,
} from './circuit';

const settings: CircuitSettings = { failures: 3, cooldownMs: 20_000, cooldownMaxMs: 60_000, retryAfterMaxMs: 10_000 };
const now = 1_000_000;
const open = (over: Partial<Extract<Circuit, { state: 'open' }>> = {}): Circuit => ({
  state: 'open',
  openedAtMs: now - 5000,
  retryAtMs: now + 15_000,
  cooldownMs: 20_000,
  ...over,
});
const halfOpen: Circuit = { state: 'half_open', openedAtMs: now - 30_000, retryAtMs: now - 10_000, cooldownMs: 20_000, claimUntilMs: now + 35_000 };
const failure = (over: Partial<CountedFailure> = {}): CountedFailure => ({
  route: 'normal',
  consecutiveFailures: 1,
  rateLimited: false,
  retryAfterMs: null,
  ...over,
});
const after = (circuit: Circuit, over: Partial<CountedFailure>) => circuitAfterFailure(circuit, failure(over), now, settings);

describe('admission', () => {
  it.each<[string, Circuit, string]>([
    ['closed', CLOSED, 'go'],
    ['open, cooling down', open(), 'skip'],
    ['open, one millisecond to go', open({ retryAtMs: now + 1 }), 'skip'],
    ['open, retry_at reached', open({ retryAtMs: now }), 'claim'],
    ['half open, claimed', halfOpen, 'skip'],
    ['half open, at the end of the claim', { ...halfOpen, claimUntilMs: now }, 'skip'],
    ['half open, the claimant is dead', { ...halfOpen, claimUntilMs: now - 1 }, 'claim'],
  ])('%s: %s', (_name, circuit, expected) => expect(admissionOf(circuit, now)).toBe(expected));

  it('is closed to others while a trial runs', () => {
    const claimed = claimTrial(open({ retryAtMs: now }), now, 35_000);
    expect(claimed).toEqual({ state: 'half_open', openedAtMs: now - 5000, retryAtMs: now, cooldownMs: 20_000, claimUntilMs: now + 35_000 });
    expect(admissionOf(claimed, now)).toBe('skip');
    expect(admissionOf(claimed, now + 35_001)).toBe('claim');
  });

  it('has nothing to claim on a closed circuit', () => expect(claimTrial(CLOSED, now, 1)).toBe(CLOSED));
});

describe('closed circuit', () => {
  it('stays closed below the limit and opens at it', () => {
    expect(after(CLOSED, { consecutiveFailures: 2 })).toBe(CLOSED);
    expect(after(CLOSED, { consecutiveFailures: 3 })).toEqual({ state: 'open', openedAtMs: now, retryAtMs: now + 20_000, cooldownMs: 20_000 });
  });

  it('opens at once on a 429 that asks for more than we wait', () => {
    expect(after(CLOSED, { rateLimited: true, retryAfterMs: 30_000 })).toMatchObject({ state: 'open', retryAtMs: now + 30_000, cooldownMs: 20_000 });
    expect(after(CLOSED, { rateLimited: true, retryAfterMs: 600_000 })).toMatchObject({ retryAtMs: now + 60_000 });
    expect(after(CLOSED, { rateLimited: true, retryAfterMs: 10_000 })).toBe(CLOSED);
    expect(after(CLOSED, { rateLimited: false, retryAfterMs: 30_000 })).toBe(CLOSED);
  });

  it('takes the later of both reasons', () => {
    expect(after(CLOSED, { consecutiveFailures: 3, rateLimited: true, retryAfterMs: 11_000 })).toMatchObject({ retryAtMs: now + 20_000 });
  });
});

describe('half-open circuit', () => {
  it('opens again with a doubled cool-down, at most the maximum, and keeps opened_at', () => {
    const again = after(halfOpen, { route: 'trial' });
    expect(again).toEqual({ state: 'open', openedAtMs: now - 30_000, retryAtMs: now + 40_000, cooldownMs: 40_000 });
    expect(after({ ...halfOpen, cooldownMs: 40_000 }, { route: 'trial' })).toMatchObject({ cooldownMs: 60_000 });
    expect(after({ ...halfOpen, cooldownMs: 60_000 }, { route: 'trial' })).toMatchObject({ cooldownMs: 60_000 });
  });

  it('gives its claim back on a neutral trial, and only then', () => {
    expect(circuitAfterNeutral(halfOpen, 'trial', now)).toEqual({ state: 'open', openedAtMs: now - 30_000, retryAtMs: now, cooldownMs: 20_000 });
    expect(circuitAfterNeutral(halfOpen, 'forced', now)).toBe(halfOpen);
    expect(circuitAfterNeutral(CLOSED, 'normal', now)).toBe(CLOSED);
  });
});

describe('open circuit', () => {
  it('is prolonged by a forced attempt, not doubled, never shortened', () => {
    expect(after(open(), { route: 'forced' })).toEqual(open({ retryAtMs: now + 20_000 }));
    expect(after(open({ retryAtMs: now + 60_000 }), { route: 'forced' })).toMatchObject({ retryAtMs: now + 60_000 });
  });

  it('does not listen to stragglers', () => expect(after(open(), { route: 'normal' })).toEqual(open()));

  it('may be tried as soon as a probe reached the agent', () => {
    expect(circuitAfterProbe(open(), now)).toMatchObject({ state: 'open', retryAtMs: now });
    expect(circuitAfterProbe(CLOSED, now)).toBe(CLOSED);
    expect(circuitAfterProbe(halfOpen, now)).toBe(halfOpen);
  });
});

it('a failure never closes a circuit that is not closed, and cool-downs stay in bounds', () => {
  const circuit = fc.constantFrom<Circuit[]>(open(), open({ cooldownMs: 60_000, retryAtMs: now }), halfOpen, { ...halfOpen, cooldownMs: 50_000 });
  const route = fc.constantFrom<Route[]>('normal', 'trial', 'forced');
  fc.assert(
    fc.property(circuit, route, fc.nat(100), fc.option(fc.nat(1e6)), (before, by, consecutiveFailures, retryAfterMs) => {
      const result = after(before, { route: by, consecutiveFailures, retryAfterMs, rateLimited: retryAfterMs !== null });
      expect(result.state).toBe('open');
      if (result.state === 'open') expect(result.cooldownMs).toBeLessThanOrEqual(60_000);
    }),
  );
});
