import { CONNECTION_CODES, FAILURE_KINDS, INVALID_RESPONSE_CODES, TIMEOUT_CODES, type Failure, type FailureKind } from './failure';

/**
 * An entry of `retry_on` or `fallback_on`: a failure type (`TIMEOUT`), an error code (`refused`, `http_503`), a status
 * (`503`) or a class (`4xx`, `5xx`).
 */
export type FailurePattern = string;

const NAMES: ReadonlySet<string> = new Set([...FAILURE_KINDS, ...TIMEOUT_CODES, ...CONNECTION_CODES, ...INVALID_RESPONSE_CODES]);
const STATUS = /^(?:http_)?[1-5][0-9][0-9]$/;
const STATUS_CLASS = /^[45]xx$/;

export const DEFAULT_RETRY_ON: readonly FailurePattern[] = ['TIMEOUT', 'RATE_LIMIT', 'CONNECTION', '408', '5xx'];
export const DEFAULT_FALLBACK_ON: readonly FailureKind[] = FAILURE_KINDS;

/** Repeating these cannot help (the policy and the size stay) or has no time left; no list brings them back. */
const NEVER_RETRIED: ReadonlySet<string> = new Set(['address_denied', 'deadline_exceeded', 'too_large']);

/** True for text that may stand in `retry_on` and `fallback_on`. */
export function isFailurePattern(text: string): boolean {
  return NAMES.has(text) || STATUS.test(text) || STATUS_CLASS.test(text);
}

/** True when any entry names the failure by type, code, status or class of status. */
export function matchesFailure(patterns: readonly FailurePattern[], failure: Failure): boolean {
  const status = failure.statusCode === null ? null : String(failure.statusCode);
  return patterns.some(
    (pattern) =>
      pattern === failure.errorType ||
      pattern === failure.errorCode ||
      (status !== null && (pattern === status || pattern === `${status.charAt(0)}xx`)),
  );
}

/** Whether the same agent may be asked again; `null` stands for the default list. */
export function isRetryable(retryOn: readonly FailurePattern[] | null, failure: Failure): boolean {
  return !NEVER_RETRIED.has(failure.errorCode) && matchesFailure(retryOn ?? DEFAULT_RETRY_ON, failure);
}

/** Whether the next agent of the chain may be asked; `null` stands for the default list (all types). */
export function allowsFallback(fallbackOn: readonly FailurePattern[] | null, failure: Failure): boolean {
  return matchesFailure(fallbackOn ?? DEFAULT_FALLBACK_ON, failure);
}
