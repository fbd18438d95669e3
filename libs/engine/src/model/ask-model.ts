import { cutText, isHighSurrogate, isJsonObject, type JsonObject, type RunEventBody, type TokenUsage } from '@agentfleet/contracts';
import { backoffDelay } from '@agentfleet/resilience';
import { jsonSchema, streamText, tool, type ModelMessage, type TextStreamPart, type ToolSet } from 'ai';
import type { EngineClock } from '../clock';
import type { Toolset } from '../tools/tool';
import { usageOf } from '../usage';
import type { EngineModel } from './model';
import { badAnswer, modelFailure, silenceFailure, type ModelFailure } from './model-failure';
import { ownFieldsOf } from './own-fields';
import type { OwnFields } from './stream/answer-reader';

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
  readonly messages: readonly ModelMessage[];
  readonly tools: Toolset;
  readonly signal: AbortSignal;
  readonly clock: EngineClock;
}

/** Told of each request: how it ended, and its tokens where they are known. */
export type ModelObserver = (outcome: 'ok' | ModelFailure['code'] | 'aborted', usage: TokenUsage | null) => void;

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
  finish: Extract<TextStreamPart<ToolSet>, { type: 'finish' }> | null;
  error: { readonly value: unknown } | null;
}

async function* attemptOnce(question: ModelQuestion): AsyncGenerator<RunEventBody, ModelAnswer> {
  if (question.signal.aborted) return { kind: 'aborted' };
  const stop = new AbortController();
  const { languageModel, watch } = question.model.open();
  const draft: Draft = { text: '', shown: false, calls: [], own: ownFieldsOf(undefined), finish: null, error: null };
  try {
    const stream = streamText({
      model: languageModel,
      system: question.system,
      messages: [...question.messages],
      ...(question.tools.names.length > 0 ? { tools: declaredTools(question.tools) } : {}),
      maxRetries: 0,
      abortSignal: AbortSignal.any([question.signal, stop.signal]),
      onError: () => undefined, // errors come as parts too; the default prints them
    });
    for await (const part of stream.fullStream) yield* applyPart(draft, part);
  } catch (error) {
    draft.error ??= { value: error };
  } finally {
    stop.abort();
  }
  if (question.signal.aborted) return { kind: 'aborted' };
  const silent = watch.timedOut();
  if (silent && !draft.finish) {
    const ms = silent === 'first_byte' ? question.model.timeouts.firstByteMs : question.model.timeouts.stallMs;
    return { kind: 'failed', failure: silenceFailure(silent, ms), usage: null };
  }
  return judge(question, draft);
}

/** Tools without `execute`: the loop records a call before it carries it out. */
function declaredTools(tools: Toolset): ToolSet {
  return Object.fromEntries(
    tools.declarations().map((t) => [t.name, tool({ description: t.description, inputSchema: jsonSchema(t.inputSchema) })]),
  );
}

function* applyPart(draft: Draft, part: TextStreamPart<ToolSet>): Generator<RunEventBody> {
  switch (part.type) {
    case 'text-delta':
      draft.text += part.text;
      draft.shown ||= part.text !== '';
      for (const text of pieces(part.text)) yield { type: 'text', data: { text, author: 'assistant' } };
      return;
    case 'reasoning-delta':
      draft.shown ||= part.text !== '';
      for (const text of pieces(part.text)) yield { type: 'thinking', data: { thinking: text, text } };
      return;
    case 'tool-call':
      draft.calls.push(rawCall(part));
      return;
    case 'error':
      draft.error ??= { value: part.error };
      return;
    case 'finish-step':
      draft.own = ownFieldsOf(part.providerMetadata);
      return;
    case 'finish':
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

function rawCall(part: Extract<TextStreamPart<ToolSet>, { type: 'tool-call' }>): RawToolCall {
  const input: unknown = part.input;
  const call = { id: part.toolCallId, name: part.toolName, own: {} };
  if (isJsonObject(input)) return { ...call, input, problem: null };
  const problem = typeof input === 'string' ? `The arguments are not valid JSON: ${jsonProblem(input)}` : 'The arguments must be a JSON object.';
  return { ...call, input: null, problem };
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
  const { finishReason } = draft.finish;
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
  const reported = draft.finish?.totalUsage;
  return usageOf(
    {
      inputTokens: reported?.inputTokens,
      outputTokens: reported?.outputTokens,
      totalTokens: reported?.totalTokens,
      cachedInputTokens: reported?.inputTokenDetails.cacheReadTokens,
      reasoningTokens: reported?.outputTokenDetails.reasoningTokens,
    },
    {
      inputCharacters: question.system.length + JSON.stringify(question.messages).length,
      outputCharacters: draft.text.length + JSON.stringify(draft.calls.map((call) => call.input)).length,
    },
  );
}
