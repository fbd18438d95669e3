import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import type { LanguageModel } from 'ai';
import { ownFieldsExtractor } from './own-fields';
import { tolerantAnswer } from './stream/tolerant-answer';
import { watchBytes, type ByteWatch, type ModelTimeouts } from './timed-fetch';

/** A model that the loop can ask. */
export interface EngineModel {
  /** The name that people see: in `session_info`, in messages, in `/models`. */
  readonly name: string;
  readonly provider: string;
  /** Never shown: removed from whatever a provider says. */
  readonly secrets: readonly string[];
  readonly timeouts: ModelTimeouts;
  /** The model for one call, with its watch over the bytes. */
  open(): { readonly languageModel: LanguageModel; readonly watch: ByteWatch };
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
  return {
    name: options.name,
    provider: 'openai-compatible',
    secrets: options.apiKey === undefined ? [] : [options.apiKey],
    timeouts,
    open() {
      const watch = watchBytes(timeouts);
      const provider = createOpenAICompatible({
        name: 'openai-compatible',
        baseURL: options.baseUrl,
        apiKey: options.apiKey,
        includeUsage: true,
        metadataExtractor: ownFieldsExtractor,
        fetch: async (input, init) => tolerantAnswer(await watch.fetch(addressOf(input), fetchInit(init))),
      });
      return { languageModel: provider.chatModel(options.model), watch };
    },
  };
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
