import { backoffDelay, type BackoffSettings } from './backoff';
import type { Deadline, WaitClock } from './deadline';

export interface RetrySettings extends BackoffSettings {
  /** Attempts in all, at least 1. */
  readonly maxAttempts: number;
  /** A `Retry-After` longer than this ends the attempts here. */
  readonly retryAfterMaxMs: number;
}

/** What one attempt brought. */
export type AttemptOutcome<T, F> =
  | { readonly kind: 'done'; readonly value: T }
  | {
      readonly kind: 'failed';
      readonly failure: F;
      readonly retryable: boolean;
      /** What this attempt's answer asked for; null when it asked for nothing. */
      readonly retryAfterMs: number | null;
    };

/** Why no further attempt was made. */
export type RetryEnd = 'not_retryable' | 'attempts_used' | 'retry_after_too_long' | 'deadline';

export type RetryResult<T, F> =
  | { readonly kind: 'done'; readonly value: T; readonly tries: number; readonly pausedMs: number }
  | {
      readonly kind: 'failed';
      readonly failure: F;
      readonly tries: number;
      readonly pausedMs: number;
      readonly retryAfterMs: number | null;
      readonly ended: RetryEnd;
    };

export interface RetryOptions {
  readonly settings: RetrySettings;
  readonly deadline: Deadline;
  readonly clock: WaitClock;
  readonly signal?: AbortSignal;
  /** Told before each pause. */
  readonly onRetry?: (pauseMs: number) => void;
}

/**
 * The one retry loop: attempts until one succeeds, none is worth repeating, they are used up, the far side asks for a
 * longer pause than we wait, or the next pause would outlast the deadline (then it is not slept, so that the rest of the
 * time is left for somebody else). The first attempt is always made.
 * @param attempt gets its number, from 1; it must not throw for failures of the far side.
 */
export async function retry<T, F>(
  attempt: (number: number) => Promise<AttemptOutcome<T, F>>,
  options: RetryOptions,
): Promise<RetryResult<T, F>> {
  let pausedMs = 0;
  for (let tries = 1; ; tries++) {
    const outcome = await attempt(tries);
    if (outcome.kind === 'done') return { kind: 'done', value: outcome.value, tries, pausedMs };
    const next = nextStep(outcome, tries, options);
    if (next.kind === 'end') {
      const { failure, retryAfterMs } = outcome;
      return { kind: 'failed', failure, tries, pausedMs, retryAfterMs, ended: next.why };
    }
    options.onRetry?.(next.pauseMs);
    await options.clock.sleep(next.pauseMs, options.signal);
    pausedMs += next.pauseMs;
  }
}

type NextStep = { readonly kind: 'end'; readonly why: RetryEnd } | { readonly kind: 'pause'; readonly pauseMs: number };

function nextStep(
  outcome: { readonly retryable: boolean; readonly retryAfterMs: number | null },
  tries: number,
  { settings, deadline, clock }: RetryOptions,
): NextStep {
  if (!outcome.retryable) return { kind: 'end', why: 'not_retryable' };
  if (tries >= settings.maxAttempts) return { kind: 'end', why: 'attempts_used' };
  const asked = outcome.retryAfterMs ?? 0;
  if (asked > settings.retryAfterMaxMs) return { kind: 'end', why: 'retry_after_too_long' };
  const pauseMs = Math.max(asked, backoffDelay(tries, settings, clock.random()));
  return pauseMs >= deadline.remainingMs() ? { kind: 'end', why: 'deadline' } : { kind: 'pause', pauseMs };
}
