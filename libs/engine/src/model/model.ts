import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import type { ToolDeclaration } from '../tools/tool';
import { ownFieldsExtractor } from './own-fields';
import { tolerantAnswer } from './stream/tolerant-answer';
import { watchBytes, type ByteWatch, type ModelTimeouts } from './timed-fetch';

type ChatModel = ReturnType<ReturnType<typeof createOpenAICompatible>['chatModel']>;
type CallOptions = Parameters<ChatModel['doStream']>[0];
/** A request's messages, as the SDK's providers take them. */
export type ModelPrompt = CallOptions['prompt'];
export type ModelPromptMessage = ModelPrompt[number];
/** What a provider of the SDK reads out of an answer. */
export type ModelPart = Awaited<ReturnType<ChatModel['doStream']>>['stream'] extends ReadableStream<infer Part> ? Part : never;

/** One request to a model. */
export interface ModelRequest {
  readonly prompt: ModelPrompt;
  readonly tools: readonly ToolDeclaration[];
  /** Of this request alone. */
  readonly signal: AbortSignal;
}

/** A request under way. */
export interface ModelCall {
  /** The parts of the answer as they come. Rejects, or has a part `error`, when there is none. */
  readonly parts: AsyncIterable<ModelPart>;
  timedOut(): ReturnType<ByteWatch['timedOut']>;
}

/** A model that the loop can ask. */
export interface EngineModel {
  /** The name that people see: in `session_info`, in messages, in `/models`. */
  readonly name: string;
  readonly provider: string;
  /** Never shown: removed from whatever a provider says. */
  readonly secrets: readonly string[];
  readonly timeouts: ModelTimeouts;
  ask(request: ModelRequest): ModelCall;
}

export interface OpenAiCompatibleOptions {
  readonly name: string;
  /** The provider's name for the model. */
  readonly model: string;
  /** With its version, for example `https://api.example.com/v1`. */
  readonly baseUrl: string;
  readonly apiKey: string | undefined;
  /** Default: 120 s to the first byte, 60 s between bytes. */
  readonly timeouts?: ModelTimeouts;
}

const DEFAULT_TIMEOUTS: ModelTimeouts = { firstByteMs: 120_000, stallMs: 60_000 };

/** Any endpoint that speaks OpenAI chat completions. */
export function openAiCompatibleModel(options: OpenAiCompatibleOptions): EngineModel {
  const timeouts = options.timeouts ?? DEFAULT_TIMEOUTS;
  // The SDK builds its schemas with each model: there is one for all calls. It hands the signal of a call to fetch as it is.
  const watches = new WeakMap<AbortSignal, ByteWatch>();
  const chat = createOpenAICompatible({
    name: 'openai-compatible',
    baseURL: options.baseUrl,
    apiKey: options.apiKey,
    includeUsage: true,
    metadataExtractor: ownFieldsExtractor,
    fetch: async (input, init) => {
      const watch = (init?.signal && watches.get(init.signal)) ?? watchBytes(timeouts);
      return tolerantAnswer(await watch.fetch(addressOf(input), fetchInit(init)));
    },
  }).chatModel(options.model);
  return {
    name: options.name,
    provider: 'openai-compatible',
    secrets: options.apiKey === undefined ? [] : [options.apiKey],
    timeouts,
    ask({ prompt, tools, signal }) {
      const watch = watchBytes(timeouts);
      watches.set(signal, watch);
      return { parts: partsOf(chat, { prompt, ...offer(tools), abortSignal: signal }), timedOut: watch.timedOut };
    },
  };
}

/** The SDK's provider alone: its `streamText` on top checks and copies every message and part again, which costs more than the rest. */
async function* partsOf(chat: ChatModel, options: CallOptions): AsyncGenerator<ModelPart, void> {
  const { stream } = await chat.doStream(options);
  yield* stream;
}

function offer(tools: readonly ToolDeclaration[]): Pick<CallOptions, 'tools' | 'toolChoice'> {
  if (tools.length === 0) return {};
  return { toolChoice: { type: 'auto' }, tools: tools.map(({ name, description, inputSchema }) => ({ type: 'function', name, description, inputSchema })) };
}

function addressOf(input: string | URL | Request): string {
  return input instanceof Request ? input.url : String(input);
}

function fetchInit(init: RequestInit | undefined): Parameters<ByteWatch['fetch']>[1] {
  return {
    method: init?.method,
    headers: Object.fromEntries(new Headers(init?.headers)),
    body: typeof init?.body === 'string' ? init.body : undefined,
    signal: init?.signal ?? undefined,
  };
}
