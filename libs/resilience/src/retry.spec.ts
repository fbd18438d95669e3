import fc from 'fast-check';
import { Deadline } from './deadline';
import { FakeClock } from './fake-clock.spec-helper';
import { retry, type AttemptOutcome, type RetrySettings } from './retry';

const settings: RetrySettings = { maxAttempts: 3, baseMs: 1000, maxMs: 8000, retryAfterMaxMs: 10_000 };
const fails = (retryable = true, retryAfterMs: number | null = null): AttemptOutcome<string, string> => ({
  kind: 'failed',
  failure: 'no',
  retryable,
  retryAfterMs,
});
const works: AttemptOutcome<string, string> = { kind: 'done', value: 'yes' };

/** Plays the outcomes in turn; the last one repeats. */
function play(outcomes: AttemptOutcome<string, string>[], over: Partial<RetrySettings> = {}, deadlineMs = 1e6, attemptMs = 0) {
  const clock = new FakeClock();
  const numbers: number[] = [];
  const result = retry(
    (number) => {
      numbers.push(number);
      clock.timeMs += attemptMs;
      return Promise.resolve(outcomes[Math.min(number, outcomes.length) - 1] ?? works);
    },
    { settings: { ...settings, ...over }, deadline: Deadline.after(deadlineMs, clock), clock },
  );
  return result.then((value) => ({ value, pauses: clock.pauses, numbers, endedAtMs: clock.timeMs - 1000 }));
}

describe('retry', () => {
  it('does not pause after a success', async () => {
    const run = await play([works]);
    expect(run.value).toEqual({ kind: 'done', value: 'yes', tries: 1, pausedMs: 0 });
    expect(run.pauses).toEqual([]);
  });

  it('pauses longer before each further attempt and numbers them', async () => {
    const run = await play([fails()], { maxAttempts: 6 });
    expect(run.pauses).toEqual([1000, 2000, 4000, 8000, 8000]);
    expect(run.numbers).toEqual([1, 2, 3, 4, 5, 6]);
    expect(run.value).toMatchObject({ kind: 'failed', tries: 6, ended: 'attempts_used', pausedMs: 23_000 });
  });

  it('ends at the first failure that is not worth repeating', async () => {
    const run = await play([fails(), fails(false)]);
    expect(run.value).toMatchObject({ kind: 'failed', tries: 2, ended: 'not_retryable' });
  });

  it('waits as long as the current answer asks for, and no shorter than its own back-off', async () => {
    const run = await play([fails(true, 5000), fails(true, 100), fails()], { maxAttempts: 4 });
    expect(run.pauses).toEqual([5000, 2000, 4000]);
  });

  it('gives up at once when the agent asks for more patience than we have', async () => {
    const run = await play([fails(true, 10_001)]);
    expect(run.value).toMatchObject({ tries: 1, ended: 'retry_after_too_long', retryAfterMs: 10_001 });
    expect((await play([fails(true, 10_000), works])).value).toMatchObject({ kind: 'done', tries: 2 });
  });

  it('never starts a pause that would outlast the deadline', async () => {
    const run = await play([fails()], {}, 2500);
    expect(run.pauses).toEqual([1000]);
    expect(run.value).toMatchObject({ tries: 2, ended: 'deadline', failure: 'no' });
  });

  it('makes one attempt even when the time is already up', async () => {
    expect((await play([fails()], {}, 0)).value).toMatchObject({ tries: 1, ended: 'deadline' });
  });

  it('tells about every pause', async () => {
    const clock = new FakeClock();
    const told: number[] = [];
    await retry(() => Promise.resolve(fails()), {
      settings,
      deadline: Deadline.after(1e6, clock),
      clock,
      onRetry: (pauseMs) => told.push(pauseMs),
    });
    expect(told).toEqual(clock.pauses);
  });

  it('passes on what a sleep throws when it is interrupted', async () => {
    const clock = { monotonicMs: () => 0, random: () => 0.5, sleep: () => Promise.reject(new Error('aborted')) };
    const run = retry(() => Promise.resolve(fails()), { settings, deadline: Deadline.after(1e6, clock), clock });
    await expect(run).rejects.toThrow('aborted');
  });

  it('keeps its promises for any sequence of outcomes', async () => {
    const outcome = fc.oneof(
      fc.constant(works),
      fc.record({
        kind: fc.constant('failed' as const),
        failure: fc.constant('no'),
        retryable: fc.boolean(),
        retryAfterMs: fc.option(fc.integer({ min: 0, max: 20_000 })),
      }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(outcome, { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 1, max: 10 }),
        fc.integer({ min: 0, max: 60_000 }),
        async (outcomes, maxAttempts, deadlineMs) => {
          const run = await play(outcomes, { maxAttempts }, deadlineMs);
          expect(run.value.tries).toBeLessThanOrEqual(maxAttempts);
          expect(run.numbers).toHaveLength(run.value.tries);
          expect(run.endedAtMs).toBeLessThanOrEqual(Math.max(deadlineMs, 0));
          expect(run.value.pausedMs).toBeCloseTo(run.pauses.reduce((sum, pause) => sum + pause, 0));
          run.pauses.forEach((pause, index) => {
            const before = outcomes[Math.min(index + 1, outcomes.length) - 1];
            if (before?.kind === 'failed') expect(pause).toBeGreaterThanOrEqual(before.retryAfterMs ?? 0);
          });
        },
      ),
    );
  });
});
