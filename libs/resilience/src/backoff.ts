/** Pauses between attempts on one agent; milliseconds. */
export interface BackoffSettings {
  /** Pause before the second attempt. */
  readonly baseMs: number;
  /** The pause stops doubling here. */
  readonly maxMs: number;
  /** How far a pause may be off to either side, as a fraction from 0 to 1; default 0.1. */
  readonly jitter?: number;
}

const DEFAULT_JITTER = 0.1;

/**
 * The pause after the `failedAttempts`-th failed attempt (counted from 1): base × 2^(n-1), at most `maxMs`, ± `jitter`.
 * `random` is from 0 (included) to 1 (excluded).
 */
export function backoffDelay(failedAttempts: number, settings: BackoffSettings, random: number): number {
  const { baseMs, maxMs, jitter = DEFAULT_JITTER } = settings;
  const doubled = baseMs * 2 ** (failedAttempts - 1);
  return Math.min(doubled, maxMs) * (1 - jitter + 2 * jitter * random);
}

const WHOLE_SECONDS = /^[0-9]{1,10}$/;
/** The three date forms of RFC 9110 section 5.6.7: IMF-fixdate, RFC 850, asctime. */
const HTTP_DATES = [
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT$/,
  /^[A-Z][a-z]{5,8}, [0-9]{2}-[A-Z][a-z]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT$/,
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} [ 0-9][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2} [0-9]{4}$/,
];

/**
 * Milliseconds to wait that a `Retry-After` header asks for, 0 for a date that has passed, null when the header is
 * absent or unreadable.
 */
export function parseRetryAfter(header: string | null | undefined, nowMs: number): number | null {
  if (header == null) return null;
  const text = header.trim();
  if (WHOLE_SECONDS.test(text)) return Number(text) * 1000;
  if (!HTTP_DATES.some((form) => form.test(text))) return null;
  const at = Date.parse(text.endsWith('GMT') ? text : `${text} GMT`);
  return Number.isNaN(at) ? null : Math.max(0, at - nowMs);
}
