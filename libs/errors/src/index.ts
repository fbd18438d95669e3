export { APP_ERRORS, AppError, unreachable } from './app-error';
export type { AppErrorCode, AppErrorOptions, FieldProblem } from './app-error';
export { CONNECTION_CODES, FAILURE_KINDS, INVALID_RESPONSE_CODES, TIMEOUT_CODES, classifyFailure, concealPort, failureText, shownCode } from './failure';
export type {
  AttemptPhase,
  ConnectionCode,
  Failure,
  FailureCause,
  FailureCode,
  FailureKind,
  InvalidResponseCode,
  StatusCode,
  TimeoutCode,
} from './failure';
export { DEFAULT_FALLBACK_ON, DEFAULT_RETRY_ON, allowsFallback, isFailurePattern, isRetryable, matchesFailure } from './failure-pattern';
export type { FailurePattern } from './failure-pattern';
