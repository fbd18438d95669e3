import { cutText, isHighSurrogate, isJsonObject, type JsonObject, type RunEventBody, type TokenUsage } from '@agentfleet/contracts';
import { backoffDelay } from '@agentfleet/resilience';
import type { EngineClock } from '../clock';
import type { Toolset } from '../tools/tool';
import { usageOf } from '../usage';
import type { EngineModel, ModelPart, ModelPrompt } from './model';
import { badAnswer, modelFailure, silenceFailure, type ModelFailure } from './model-failure';
import { ownFieldsOf } from './own-fields';
import type { OwnFields } from './stream/answer-reader';
import { jsonOrUndefined } from './stream/event-lines';

/** A call as the model worded it: `input` is null when its arguments are not a JSON object. */
export interface RawToolCall {
  /** As the provider gave it; empty when it gave none. */
  readonly id: string;
  readonly name: string;
  readonly input: Readonly<Record<string, unknown>> | null;
  readonly problem: string | null;
  /** Fields of the provider's own that have to be sent back with the call. */
  readonly own: JsonObject;
}

export type ModelAnswer =
  | {
      readonly kind: 'answered';
      readonly text: string;
      readonly calls: readonly RawToolCall[];
      /** Fields of the provider's own (its thoughts) that have to be sent back with the calls. */
      readonly own: JsonObject;
      readonly isCut: boolean;
      readonly usage: TokenUsage;
    }
  | { readonly kind: 'failed'; readonly failure: ModelFailure; readonly usage: TokenUsage | null }
  | { readonly kind: 'aborted' };

export interface ModelQuestion {
  readonly model: EngineModel;
  readonly system: string;
  readonly messages: ModelPrompt;
  readonly tools: Toolset;
  readonly signal: AbortSignal;
  readonly clock: EngineClock;
}

/** Told of each request: how it ended, and its tokens where they are known. */
export type ModelObserver = (outcome: 'ok' | ModelFailure['code'] | 'aborted', usage: TokenUsage | null) => void;

/** Ends what may still go on behind an answer. Made once: the default reason of an abort is an error with its stack. */
const OVER = new Error('The request is over');
const MAX_ATTEMPTS = 3;
const BACKOFF = { baseMs: 500, maxMs: 8_000 };
/** Keeps a frame below the largest size that clients take, even if every character has to be escaped. */
const MAX_DELTA_CHARACTERS = 100_000;

/**
 * Asks the model once, again only while nothing of an answer was shown; yields what viewers may see at once. The attempts
 * are counted here and not by `retry` of the resilience lib, because an attempt streams.
 */
export async function* askModel(question: ModelQuestion, observe: ModelObserver = () => undefined): AsyncGenerator<RunEventBody, ModelAnswer> {
  for (let attempt = 1; ; attempt++) {
    const answer = yield* attemptOnce(question);
    observe(answer.kind === 'answered' ? 'ok' : answer.kind === 'failed' ? answer.failure.code : 'aborted', answer.kind === 'aborted' ? null : answer.usage);
    if (answer.kind !== 'failed' || answer.failure.retryAfterMs === null || attempt === MAX_ATTEMPTS) return answer;
    const delayMs = Math.round(Math.max(answer.failure.retryAfterMs, backoffDelay(attempt, BACKOFF, question.clock.random())));
    const message = `${answer.failure.message} Attempt ${attempt + 1} of ${MAX_ATTEMPTS} follows.`;
    yield { type: 'status', data: { status: 'model_retry', message, code: answer.failure.code, attempt: attempt + 1, delay_ms: delayMs } };
    try {
      await question.clock.sleep(delayMs, question.signal);
    } catch {
      return { kind: 'aborted' };
    }
  }
}

interface Draft {
  text: string;
  shown: boolean;
  calls: RawToolCall[];
  own: OwnFields;
  finish: Extract<ModelPart, { type: 'finish' }> | null;
  error: { readonly value: unknown } | null;
}

async function* attemptOnce(question: ModelQuestion): AsyncGenerator<RunEventBody, ModelAnswer> {
  if (question.signal.aborted) return { kind: 'aborted' };
  const stop = new AbortController();
  const draft: Draft = { text: '', shown: false, calls: [], own: ownFieldsOf(undefined), finish: null, error: null };
  const call = question.model.ask({
    prompt: [{ role: 'system', content: question.system }, ...question.messages],
    tools: question.tools.declarations(),
    signal: AbortSignal.any([question.signal, stop.signal]),
  });
  try {
    for await (const part of call.parts) yield* applyPart(draft, part);
  } catch (error) {
    draft.error ??= { value: error };
  } finally {
    stop.abort(OVER);
  }
  if (question.signal.aborted) return { kind: 'aborted' };
  const silent = call.timedOut();
  if (silent && !draft.finish) {
    const ms = silent === 'first_byte' ? question.model.timeouts.firstByteMs : question.model.timeouts.stallMs;
    return { kind: 'failed', failure: silenceFailure(silent, ms), usage: null };
  }
  return judge(question, draft);
}

function* applyPart(draft: Draft, part: ModelPart): Generator<RunEventBody> {
  switch (part.type) {
    case 'text-delta':
      draft.text += part.delta;
      draft.shown ||= part.delta !== '';
      for (const text of pieces(part.delta)) yield { type: 'text', data: { text, author: 'assistant' } };
      return;
    case 'reasoning-delta':
      draft.shown ||= part.delta !== '';
      for (const text of pieces(part.delta)) yield { type: 'thinking', data: { thinking: text, text } };
      return;
    case 'tool-call':
      draft.calls.push(rawCall(part));
      return;
    case 'error':
      draft.error ??= { value: part.error };
      return;
    case 'finish':
      draft.own = ownFieldsOf(part.providerMetadata);
      draft.finish = part;
      return;
    default: // starts, ends and raw parts carry nothing that is needed
  }
}

function* pieces(text: string): Generator<string> {
  for (let at = 0; at < text.length; ) {
    let end = Math.min(text.length, at + MAX_DELTA_CHARACTERS);
    if (end < text.length && isHighSurrogate(text.charCodeAt(end - 1))) end -= 1; // never between the halves of a character
    yield text.slice(at, end);
    at = end;
  }
}

function rawCall(part: Extract<ModelPart, { type: 'tool-call' }>): RawToolCall {
  const call = { id: part.toolCallId, name: part.toolName, own: {} };
  const input = part.input.trim() === '' ? {} : jsonOrUndefined(part.input); // many send nothing for no arguments
  if (input === undefined || hasPoisonedKey(input)) return { ...call, input: null, problem: `The arguments are not valid JSON: ${jsonProblem(part.input)}` };
  return isJsonObject(input) ? { ...call, input, problem: null } : { ...call, input: null, problem: 'The arguments must be a JSON object.' };
}

/** Keys that would change what objects are when they are copied. */
function hasPoisonedKey(root: unknown): boolean {
  const open = [root];
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (typeof value !== 'object' || value === null) continue;
    if (Object.hasOwn(value, '__proto__')) return true;
    for (const [key, inner] of Object.entries(value)) {
      if (key === 'constructor' && typeof inner === 'object' && inner !== null && Object.hasOwn(inner, 'prototype')) return true;
      if (typeof inner === 'object' && inner !== null) open.push(inner);
    }
  }
  return false;
}

function jsonProblem(text: string): string {
  try {
    JSON.parse(text);
    return 'they must be an object';
  } catch (error) {
    return error instanceof Error ? cutText(error.message, 200) : 'they cannot be parsed';
  }
}

function judge(question: ModelQuestion, draft: Draft): ModelAnswer {
  const { model, clock } = question;
  if (draft.error) {
    const failure = modelFailure(draft.error.value, model.secrets, clock.now());
    return { kind: 'failed', failure: draft.shown ? { ...failure, retryAfterMs: null, overflow: undefined } : failure, usage: null };
  }
  if (!draft.finish) return { kind: 'failed', failure: badAnswer('The answer of the model was cut off. Try again.'), usage: null };
  const usage = draftUsage(question, draft);
  const finishReason = draft.finish.finishReason.unified;
  if (finishReason === 'content-filter') {
    return { kind: 'failed', usage, failure: badAnswer("The provider's content filter stopped the answer. Change the request and try again.") };
  }
  if (finishReason === 'error') return { kind: 'failed', usage, failure: badAnswer('The model ended its answer with an error. Try again.') };
  const isCut = finishReason === 'length';
  if (draft.text.trim() === '' && draft.calls.length === 0 && !isCut) {
    return { kind: 'failed', usage, failure: badAnswer('The model sent an empty answer. Try again.') };
  }
  return { kind: 'answered', text: draft.text, calls: callsAsGiven(draft), own: draft.own.message, isCut, usage };
}

/** The calls in the provider's order, with its own ids and fields. */
function callsAsGiven({ calls, own }: Draft): RawToolCall[] {
  const order = Object.keys(own.calls);
  const place = (call: RawToolCall) => (order.includes(call.id) ? order.indexOf(call.id) : order.length);
  return [...calls].sort((a, b) => place(a) - place(b)).map((call) => ({ ...call, ...own.calls[call.id] }));
}

function draftUsage(question: ModelQuestion, draft: Draft): TokenUsage {
  const reported = draft.finish?.usage;
  return usageOf(
    {
      inputTokens: reported?.inputTokens.total,
      outputTokens: reported?.outputTokens.total,
      cachedInputTokens: reported?.inputTokens.cacheRead,
      reasoningTokens: reported?.outputTokens.reasoning,
    },
    {
      inputCharacters: question.system.length + JSON.stringify(question.messages).length,
      outputCharacters: draft.text.length + JSON.stringify(draft.calls.map((call) => call.input)).length,
    },
  );
}
