import fc from 'fast-check';
import { backoffDelay, parseRetryAfter } from './backoff';

const settings = { baseMs: 1000, maxMs: 8000 };

describe('backoffDelay', () => {
  it('doubles from the base up to the maximum', () => {
    expect([1, 2, 3, 4, 5, 6].map((n) => backoffDelay(n, settings, 0.5))).toEqual([1000, 2000, 4000, 8000, 8000, 8000]);
  });

  it('varies by 10 % to either side and is finite for any number of attempts', () => {
    expect(backoffDelay(1, settings, 0)).toBeCloseTo(900);
    const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2000 }), chance, (n, random) => {
        const middle = Math.min(8000, 1000 * 2 ** (n - 1));
        const pause = backoffDelay(n, settings, random);
        return pause >= middle * 0.9 - 1e-6 && pause <= middle * 1.1 + 1e-6;
      }),
    );
  });
});

describe('jitter', () => {
  it.each([[0, 1000, 1000], [0.1, 900, 1100], [0.2, 800, 1200], [1, 0, 2000]])('of %d spreads a second from %d to %d', (jitter, shortest, longest) => {
    const spread = { ...settings, jitter };
    expect([0, 0.5, 1].map((random) => Math.round(backoffDelay(1, spread, random)))).toEqual([shortest, 1000, longest]);
  });

  it('is a tenth when the settings say nothing', () => {
    expect(backoffDelay(2, settings, 0.25)).toBe(backoffDelay(2, { ...settings, jitter: 0.1 }, 0.25));
  });
});

describe('parseRetryAfter', () => {
  const now = Date.UTC(2026, 1, 18, 21, 30, 0);

  it.each<[string | null | undefined, number | null]>([
    ['0', 0],
    ['5', 5000],
    [' 120 ', 120_000],
    ['Wed, 18 Feb 2026 21:30:07 GMT', 7000],
    ['Wednesday, 18-Feb-26 21:30:07 GMT', 7000],
    ['Wed Feb 18 21:30:07 2026', 7000],
    ['Wed, 18 Feb 2026 21:00:00 GMT', 0],
    ['Wed, 99 Feb 2026 21:00:00 GMT', null],
    ['-5', null],
    ['1.5', 1500],
    ['3.5', 3500],
    ['0.0001', 1],
    ['3.5.1', null],
    ['3.', null],
    ['+3', null],
    ['1e3', null],
    ['0x10', null],
    ['3, 3', 3000],
    ['3,7', 7000],
    ['soon, 3', 3000],
    ['-5, ', null],
    ['Wed, 18 Feb 2026 21:30:07 GMT, Wed, 18 Feb 2026 21:30:07 GMT', 7000],
    ['3, Wednesday, 18-Feb-26 21:30:07 GMT', 7000],
    ['31622400', 366 * 86_400_000],
    ['99999999999', 366 * 86_400_000],
    ['9'.repeat(400), 366 * 86_400_000],
    ['Fri, 18 Feb 2950 21:30:07 GMT', 366 * 86_400_000],
    ['2026-02-18T21:30:07Z', null],
    ['soon', null],
    ['', null],
    [null, null],
    [undefined, null],
  ])('%j gives %j', (header, expected) => expect(parseRetryAfter(header, now)).toBe(expected));

  it('never gives a negative or infinite pause, whatever an agent sends', () => {
    fc.assert(
      fc.property(fc.string(), (header) => {
        const pause = parseRetryAfter(header, now);
        return pause === null || (Number.isFinite(pause) && pause >= 0);
      }),
    );
  });
});
