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

const SECONDS = /^[0-9]+(?:\.[0-9]+)?$/;
/** Longer waits are as good as this one; a number without end would be none. */
const MAX_RETRY_AFTER_MS = 366 * 24 * 3_600_000;
const LONGEST_HEADER = 1000;
/** The three date forms of RFC 9110 section 5.6.7: IMF-fixdate, RFC 850, asctime. */
const HTTP_DATES = [
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT$/,
  /^[A-Z][a-z]{5,8}, [0-9]{2}-[A-Z][a-z]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT$/,
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} [ 0-9][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2} [0-9]{4}$/,
];
/** The commas between values, not the one within a date. */
const BETWEEN_VALUES = /,(?! [0-9]{2}[ -][A-Z])/;

/**
 * Milliseconds to wait that a `Retry-After` header asks for, 0 for a date that has passed, null when the header is
 * absent or unreadable. Seconds may have a fraction; of several values (the header came twice) the longest counts, since
 * nobody should be asked earlier than he said; what is longer than a year is a year.
 */
export function parseRetryAfter(header: string | null | undefined, nowMs: number): number | null {
  if (header == null || header.length > LONGEST_HEADER) return null;
  const waits = header.split(BETWEEN_VALUES).flatMap((value) => retryAfterMs(value.trim(), nowMs) ?? []);
  return waits.length === 0 ? null : Math.min(MAX_RETRY_AFTER_MS, Math.max(...waits));
}

function retryAfterMs(text: string, nowMs: number): number | null {
  if (SECONDS.test(text)) return Math.ceil(Number(text) * 1000);
  if (!HTTP_DATES.some((form) => form.test(text))) return null;
  const at = Date.parse(text.endsWith('GMT') ? text : `${text} GMT`);
  return Number.isNaN(at) ? null : Math.max(0, at - nowMs);
}
