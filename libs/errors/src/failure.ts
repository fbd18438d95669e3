import { unreachable } from './app-error';

/** The five failure types of a call to an agent, spelled as on the wire. There are no others. */
export const FAILURE_KINDS = ['TIMEOUT', 'RATE_LIMIT', 'CONNECTION', 'INVALID_RESPONSE', 'UNKNOWN'] as const;
export type FailureKind = (typeof FAILURE_KINDS)[number];

/** Codes of failures before the agent's status line. */
export const CONNECTION_CODES = ['dns', 'refused', 'reset', 'connect_timeout', 'tls', 'address_denied'] as const;
/** Codes of answers that are not what was asked for. */
export const INVALID_RESPONSE_CODES = [
  'not_json',
  'no_text',
  'too_large',
  'cut_off',
  'bad_encoding',
  'bad_http',
  'redirect',
] as const;
export const TIMEOUT_CODES = ['timeout', 'deadline_exceeded'] as const;

export type ConnectionCode = (typeof CONNECTION_CODES)[number];
export type InvalidResponseCode = (typeof INVALID_RESPONSE_CODES)[number];
export type TimeoutCode = (typeof TIMEOUT_CODES)[number];
export type StatusCode = `http_${number}`;
export type FailureCode = ConnectionCode | InvalidResponseCode | TimeoutCode | StatusCode;

/**
 * How far an attempt had come: `resolve` and `connect` (with TLS) before anything was sent, `head` until the status line
 * and headers are complete, `body` after that.
 */
export type AttemptPhase = 'resolve' | 'connect' | 'head' | 'body';

/** Why an attempt failed, as the transport saw it. Messages have no place here: they quote ports and agents' texts. */
export type FailureCause =
  /** The attempt's own time was up. */
  | { readonly kind: 'attempt_timer'; readonly phase: AttemptPhase }
  /** The time of the whole call was up. */
  | { readonly kind: 'deadline' }
  /** The connection limit was up before a connection stood. */
  | { readonly kind: 'connect_timer' }
  /** The address policy refused what the name resolved to. */
  | { readonly kind: 'address_denied' }
  /** An error of the socket, resolver, TLS or HTTP parser; `code` is the error's `code`, `''` when it has none. */
  | { readonly kind: 'socket'; readonly phase: AttemptPhase; readonly code: string }
  /** The agent answered with a status that is no success. */
  | { readonly kind: 'status'; readonly status: number }
  /** The agent answered with a success that cannot be used. */
  | { readonly kind: 'body'; readonly problem: InvalidResponseCode };

export interface Failure {
  readonly errorType: FailureKind;
  readonly errorCode: FailureCode;
  /** The agent's HTTP status when one arrived. */
  readonly statusCode: number | null;
  /** What answers show in place of `errorCode`, see `concealPort`. */
  readonly shownCode?: FailureCode;
}

const failed = (errorType: FailureKind, errorCode: FailureCode, statusCode: number | null = null): Failure => ({
  errorType,
  errorCode,
  statusCode,
});

/**
 * Type and code of a failure, by phase, error code and status alone (contract vps-bridge section 5). `statusCode` names
 * the status that had already arrived when the body failed.
 */
export function classifyFailure(cause: FailureCause, statusCode: number | null = null): Failure {
  switch (cause.kind) {
    case 'deadline':
      return failed('TIMEOUT', 'deadline_exceeded', statusCode);
    case 'attempt_timer':
      return isBeforeSending(cause.phase) ? failed('CONNECTION', 'connect_timeout') : failed('TIMEOUT', 'timeout', statusCode);
    case 'connect_timer':
      return failed('CONNECTION', 'connect_timeout');
    case 'address_denied':
      return failed('CONNECTION', 'address_denied');
    case 'socket':
      return classifySocketError(cause.phase, cause.code, statusCode);
    case 'status':
      return classifyStatus(cause.status);
    case 'body':
      return failed('INVALID_RESPONSE', cause.problem, statusCode);
    default:
      return unreachable(cause);
  }
}

const PORT_TELLING: ReadonlySet<FailureCode> = new Set(['refused', 'reset', 'bad_http']);

/**
 * The failure of an agent on this machine or in a private network, as callers may know it. A refused connection, a broken one
 * and one that speaks something else become alike: the difference would tell every caller which ports are open where only the
 * bridge can look. Their type is CONNECTION; entries of `retry_on` and `fallback_on` go on seeing the true code, since "never
 * taken" must not be mixed with "perhaps taken".
 */
export function concealPort(failure: Failure, cause: FailureCause): Failure {
  const speaksNoTls = cause.kind === 'socket' && (cause.code === 'EPROTO' || cause.code.startsWith('ERR_SSL_'));
  const tells = failure.statusCode === null && (PORT_TELLING.has(failure.errorCode) || speaksNoTls);
  return tells ? { ...failure, errorType: 'CONNECTION', shownCode: 'refused' } : failure;
}

/** The code that answers show. */
export function shownCode({ errorCode, shownCode: shown }: Pick<Failure, 'errorCode' | 'shownCode'>): FailureCode {
  return shown ?? errorCode;
}

function isBeforeSending(phase: AttemptPhase): boolean {
  return phase === 'resolve' || phase === 'connect';
}

function classifyStatus(status: number): Failure {
  if (status === 429) return failed('RATE_LIMIT', 'http_429', status);
  if (status >= 300 && status < 400) return failed('INVALID_RESPONSE', 'redirect', status);
  return failed('UNKNOWN', `http_${status}`, status);
}

const UNREACHABLE = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN', 'ENETDOWN', 'EADDRNOTAVAIL', 'EACCES']);
const RESOLVER = new Set(['ENOTFOUND', 'ENODATA', 'ESERVFAIL', 'EREFUSED', 'EFORMERR', 'EBADNAME', 'EBADRESP', 'ENONAME']);
const TLS = new Set([
  'EPROTO',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'HOSTNAME_MISMATCH',
  'INVALID_PURPOSE',
  'INVALID_CA',
  'PATH_LENGTH_EXCEEDED',
  'OUT_OF_MEM',
]);
const TLS_PREFIXES = ['ERR_TLS_', 'ERR_SSL_', 'CERT_', 'CRL_', 'UNABLE_TO_', 'ERROR_IN_'];

function classifySocketError(phase: AttemptPhase, code: string, statusCode: number | null): Failure {
  if (phase === 'body') return failed('INVALID_RESPONSE', bodyProblem(code), statusCode);
  if (phase === 'head') {
    if (code.startsWith('HPE_') || code === 'UND_ERR_INVALID_ARG') return failed('INVALID_RESPONSE', 'bad_http');
    if (code === 'UND_ERR_HEADERS_OVERFLOW') return failed('INVALID_RESPONSE', 'too_large');
    return failed('CONNECTION', connectionProblem(code));
  }
  if (phase === 'resolve' && code !== 'ETIMEDOUT') return failed('CONNECTION', 'dns');
  return failed('CONNECTION', connectionProblem(code));
}

/** A parser error at the end of the stream means that the rest is missing; any other one that this is no HTTP. */
function bodyProblem(code: string): InvalidResponseCode {
  return code.startsWith('HPE_') && code !== 'HPE_INVALID_EOF_STATE' ? 'bad_http' : 'cut_off';
}

function connectionProblem(code: string): ConnectionCode {
  if (RESOLVER.has(code) || code.startsWith('EAI_')) return 'dns';
  if (UNREACHABLE.has(code)) return 'refused';
  if (code === 'ETIMEDOUT' || code === 'UND_ERR_CONNECT_TIMEOUT') return 'connect_timeout';
  if (TLS.has(code) || TLS_PREFIXES.some((prefix) => code.startsWith(prefix))) return 'tls';
  return 'reset';
}

const FIXED_TEXTS: Readonly<Record<Exclude<FailureCode, StatusCode>, string>> = {
  timeout: 'Agent did not answer in time',
  deadline_exceeded: "The call's deadline was reached before the agent answered",
  dns: "The agent's host name could not be resolved",
  refused: 'The agent refused the connection or its host is unreachable',
  reset: 'The connection to the agent broke before it answered',
  connect_timeout: 'No connection to the agent within the time limit',
  tls: 'TLS to the agent failed',
  address_denied: "The agent's address is not allowed",
  not_json: 'Agent answered with something that is not a JSON object',
  no_text: 'Agent answered without text content',
  too_large: 'Agent answered with more than the size limit',
  cut_off: "Agent's answer was cut off",
  bad_encoding: "Agent's answer has an unknown or broken content encoding",
  bad_http: "Agent's answer is not valid HTTP",
  redirect: 'Agent answered with a redirect, which is not followed',
};

const CONCEALED_TEXT = 'The agent refused the connection, broke it off, or does not speak the protocol it is registered with (the log of the bridge says which)';

/** The text for `error` and `last_error`: always our own words, since agents echo the token that they were sent. */
export function failureText(failure: Pick<Failure, 'errorCode' | 'shownCode'>): string {
  const { errorCode } = failure;
  if (failure.shownCode !== undefined) return CONCEALED_TEXT;
  return isStatusCode(errorCode) ? `Agent answered with HTTP status ${errorCode.slice(5)}` : FIXED_TEXTS[errorCode];
}

function isStatusCode(code: FailureCode): code is StatusCode {
  return code.startsWith('http_');
}
