import { answerErrorOf, isJsonObject } from '@agentfleet/contracts';
import { parseRetryAfter } from '@agentfleet/resilience';
import { APICallError, InvalidResponseDataError } from '@ai-sdk/provider';
import { contextOverflow, type ContextOverflow } from './context-overflow';
import { shownText } from './redact';
import { jsonOrUndefined } from './stream/event-lines';

/** Why a model call failed, as people see it. */
export interface ModelFailure {
  readonly code: 'model_auth' | 'model_rate_limited' | 'model_unavailable' | 'model_bad_answer' | 'model_refused' | 'context_overflow';
  readonly message: string;
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
  /** What the provider said, shortened and without secrets. */
  readonly detail: string | null;
  /** Null: do not ask again. Otherwise the provider's own Retry-After in ms, or 0 for our backoff. */
  readonly retryAfterMs: number | null;
  /** Set when the request was larger than what the model takes. */
  readonly overflow?: ContextOverflow;
}

const MAX_RETRY_AFTER_MS = 30_000;

/** Sorts an error that the SDK threw or reported as a part of its stream. */
export function modelFailure(error: unknown, secrets: readonly string[], now: number): ModelFailure {
  const detail = shownText(errorText(error), secrets) || null;
  const status = statusOf(error);
  const overflow = contextOverflow(status, wordsOf(error));
  if (overflow) return { ...tooLargeFailure(), detail, overflow };
  if (APICallError.isInstance(error)) {
    if (status !== null) return statusFailure(status, detail, parseRetryAfter(error.responseHeaders?.['retry-after'], now) ?? 0);
    if (error.statusCode === undefined) return unavailable('The model could not be reached. Check MODEL_BASE_URL and the network.', detail, 0);
    return error.isRetryable ? lost(detail) : badAnswer('The model sent an answer that is not valid. Try again.', detail);
  }
  if (status !== null) return statusFailure(status, detail, 0);
  if (InvalidResponseDataError.isInstance(error) || isJsonObject(error)) {
    return badAnswer('The answer of the model was cut off or broken. Try again.', detail);
  }
  return lost(detail);
}

/** The HTTP status of a refusal; errors within a stream carry it as their code. */
function statusOf(error: unknown): number | null {
  if (APICallError.isInstance(error)) return error.statusCode !== undefined && error.statusCode >= 300 ? error.statusCode : null;
  if (error instanceof Error || !isJsonObject(error)) return null;
  const { code, type } = error;
  const status = Number(code ?? NaN);
  if (Number.isInteger(status) && status >= 400 && status <= 599) return status;
  const names = `${textOr(code)} ${textOr(type)}`.toLowerCase();
  return NAMED_STATUSES.find(([pattern]) => pattern.test(names))?.[1] ?? null;
}

/** Errors within a stream that are called by a name, with the status that they would be refused with. */
const NAMED_STATUSES: readonly (readonly [RegExp, number])[] = [
  [/rate.?limit|too.?many.?requests|throttl|insufficient.?quota|resource.?exhausted/, 429],
  [/overloaded/, 529],
  [/(service|model|engine|temporarily).?unavailable|not.?ready/, 503],
];

function textOr(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

const MAX_READ_CHARACTERS = 8_000;

/** Everything that a provider said, to look for its reasons. */
function wordsOf(error: unknown): string {
  const words = APICallError.isInstance(error) ? `${error.message} ${error.responseBody ?? ''}` : error instanceof Error || !isJsonObject(error) ? '' : JSON.stringify(error);
  return words.slice(0, MAX_READ_CHARACTERS);
}

/** A request that is larger than what the model takes, with all left out that may be. */
export function tooLargeFailure(): ModelFailure {
  const message = 'The conversation is larger than what the model takes, even with its older parts left out. Start a new session, send less, or set MODEL_CONTEXT_TOKENS to what the model takes.';
  return { code: 'context_overflow', message, retryable: false, detail: null, retryAfterMs: null };
}

function lost(detail: string | null): ModelFailure {
  return unavailable('The connection to the model was lost in the middle of its answer. Try again.', detail, null);
}

/** A provider that stayed silent is not asked again: the next attempt would take as long. */
export function silenceFailure(what: 'first_byte' | 'stall', ms: number): ModelFailure {
  const text = what === 'first_byte' ? `The model did not begin to answer within ${ms / 1000} s` : `The model stopped answering for ${ms / 1000} s`;
  return unavailable(`${text}. Try again, or raise the timeouts of the model.`, null, null);
}

export function badAnswer(message: string, detail: string | null = null): ModelFailure {
  return { code: 'model_bad_answer', message, retryable: true, detail, retryAfterMs: null };
}

function unavailable(message: string, detail: string | null, retryAfter: number | null): ModelFailure {
  return { code: 'model_unavailable', message, retryable: true, detail, retryAfterMs: retryAfter };
}

function statusFailure(status: number, detail: string | null, retryAfter: number): ModelFailure {
  const isTooLong = retryAfter > MAX_RETRY_AFTER_MS;
  const again = isTooLong ? `Try again in ${Math.ceil(retryAfter / 1000)} s.` : 'Try again later.';
  const wait = isTooLong ? null : retryAfter;
  if (status === 401 || status === 403) {
    const message = `The model refused its credentials (HTTP ${status}). Check MODEL_API_KEY and what the key may do.`;
    return { code: 'model_auth', message, retryable: false, detail, retryAfterMs: null };
  }
  if (status === 429) {
    return { code: 'model_rate_limited', message: `The model's rate limit or quota is used up (HTTP 429). ${again}`, retryable: true, detail, retryAfterMs: wait };
  }
  if (status === 408 || status >= 500) return unavailable(`The model is not available at the moment (HTTP ${status}). ${again}`, detail, wait);
  if (status === 404) {
    const message = 'The model was not found (HTTP 404). Check MODEL_BASE_URL and MODEL_NAME.';
    return { code: 'model_unavailable', message, retryable: false, detail, retryAfterMs: null };
  }
  return { code: 'model_refused', message: `The model refused the request (HTTP ${status}).`, retryable: false, detail, retryAfterMs: null };
}

function errorText(error: unknown): string {
  if (APICallError.isInstance(error)) return bodyText(error.responseBody) ?? error.message;
  if (error instanceof Error) return error.message;
  if (isJsonObject(error) && typeof error['message'] === 'string') return error['message'];
  return typeof error === 'string' ? error : '';
}

/** What the body of a refusal says; null when it is not JSON, or says nothing. */
function bodyText(body: string | undefined): string | null {
  const value = jsonOrUndefined(body ?? '');
  return typeof value === 'object' && value !== null ? (answerErrorOf(value, true)?.message ?? null) : null;
}
