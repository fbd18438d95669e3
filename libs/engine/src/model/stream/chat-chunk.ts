import { cutText, isJsonObject, type JsonObject, type JsonValue } from '@agentfleet/contracts';

/** A provider's own words for what went wrong, in the one shape that the SDK takes. */
export interface ProviderError {
  readonly message: string;
  readonly code: string | number | null;
  readonly type: string | null;
}

export type FinishWord = 'stop' | 'length' | 'tool_calls' | 'content_filter' | 'error' | 'other';

const MAX_ERROR_TEXT = 4000;

const FINISH_WORDS: Readonly<Record<string, FinishWord>> = {
  ...words('stop', 'stop end_turn stop_sequence eos eos_token end complete completed finish done'),
  ...words('length', 'length max_tokens max_output_tokens model_length max_length context_length'),
  ...words('tool_calls', 'tool_calls tool_call tool_use function_call function_calls'),
  ...words('content_filter', 'content_filter contentfilter content_filtered safety sensitive refusal blocked recitation prohibited_content'),
  ...words('error', 'error abort aborted cancelled network_error malformed_function_call insufficient_system_resource'),
};

function words(meaning: FinishWord, spelled: string): Record<string, FinishWord> {
  return Object.fromEntries(spelled.split(' ').map((word) => [word, meaning]));
}

/** The reason that an answer ended for; null as long as it goes on. An unknown word ends it too. */
export function finishOf(value: unknown): FinishWord | null {
  if (typeof value !== 'string' || value.trim() === '') return null;
  const word = value.trim().toLowerCase().replace(/[\s-]+/g, '_');
  if (word === 'null' || word === 'none') return null;
  return Object.hasOwn(FINISH_WORDS, word) ? (FINISH_WORDS[word] ?? 'other') : 'other';
}

/** The text of a `content`: a text, null, or parts of any kind. */
export function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (Array.isArray(content)) return content.map((part: unknown) => textOf(part)).join('');
  if (!isJsonObject(content)) return '';
  const type = content['type'];
  return type === undefined || type === 'text' || type === 'output_text' ? textOf(content['text']) : '';
}

/** Thoughts among the parts of a `content`. */
export function thoughtsOf(content: unknown): string {
  if (!Array.isArray(content)) return '';
  const thoughts = content.map((part: unknown) => {
    if (!isJsonObject(part)) return '';
    if (part['type'] === 'thinking') return textOf(part['thinking']);
    return part['type'] === 'reasoning' ? textOf(part['text'] ?? part['reasoning']) : '';
  });
  return thoughts.join('');
}

/** The choice that counts: the one with index 0, or the first that says nothing of an index. */
export function choiceOf(chunk: JsonObject): JsonObject | null {
  const { choices } = chunk;
  if (!Array.isArray(choices)) return null;
  const all = choices.filter((choice: unknown) => isJsonObject(choice));
  return all.find((choice) => choice['index'] === undefined || choice['index'] === null || Number(choice['index']) === 0) ?? null;
}

/** The error that a chunk tells of, beside choices or alone; null when there is none. */
export function errorOf(chunk: JsonObject, isErrorEvent: boolean): ProviderError | null {
  const told = errorIn(chunk['error']) ?? errorIn(choiceOf(chunk)?.['error']);
  if (told) return told;
  const hasChoices = Array.isArray(chunk['choices']);
  const status = isJsonObject(chunk['base_resp']) ? chunk['base_resp'] : null;
  if (status && Number(status['status_code'] ?? 0) !== 0) return errorFrom({ message: status['status_msg'], code: status['status_code'] });
  const isError = isErrorEvent || chunk['object'] === 'error' || chunk['type'] === 'error';
  const isBare = !hasChoices && (chunk['detail'] !== undefined || (chunk['message'] !== undefined && chunk['code'] !== undefined));
  return isError || isBare ? errorFrom(chunk) : null;
}

function errorIn(error: JsonValue | undefined): ProviderError | null {
  if (typeof error === 'string') return error.trim() === '' ? null : errorFrom({ message: error });
  if (error === true) return errorFrom({});
  if (Array.isArray(error)) return errorIn(error[0]);
  if (!isJsonObject(error)) return null;
  const isNothing = Object.values(error).every((value) => value === null || value === '' || value === 0 || value === undefined);
  return isNothing ? null : errorFrom(error);
}

function errorFrom(error: JsonObject): ProviderError {
  const { message, detail, msg, type } = error;
  const code = [error['code'], error['status'], error['status_code']].find((value) => typeof value === 'number' || (typeof value === 'string' && value !== ''));
  const text = [message, detail, msg].find((value) => typeof value === 'string' && value.trim() !== '');
  return {
    message: typeof text === 'string' ? cutText(text, MAX_ERROR_TEXT) : cutText(JSON.stringify(error), MAX_ERROR_TEXT),
    code: typeof code === 'number' || typeof code === 'string' ? code : null,
    type: typeof type === 'string' ? type : null,
  };
}

const COUNTS = [
  ['prompt_tokens', 'input_tokens'],
  ['completion_tokens', 'output_tokens'],
  ['total_tokens', 'total_tokens'],
] as const;

/** Counts of a `usage`, also partial ones and such that are written as text; a later count replaces an earlier one. */
export function usageOf(usage: unknown, before: JsonObject): JsonObject {
  if (!isJsonObject(usage)) return before;
  const next: Record<string, JsonValue | undefined> = { ...before };
  for (const [name, alias] of COUNTS) next[name] = countOf(usage[name]) ?? countOf(usage[alias]) ?? before[name];
  const [input, output] = [usage['prompt_tokens_details'] ?? usage['input_tokens_details'], usage['completion_tokens_details'] ?? usage['output_tokens_details']];
  const cached = countOf(isJsonObject(input) ? input['cached_tokens'] : usage['prompt_cache_hit_tokens']);
  const reasoning = countOf(isJsonObject(output) ? output['reasoning_tokens'] : undefined);
  if (cached !== undefined) next['prompt_tokens_details'] = { cached_tokens: cached };
  if (reasoning !== undefined) next['completion_tokens_details'] = { reasoning_tokens: reasoning };
  return next;
}

function countOf(value: unknown): number | undefined {
  const number = typeof value === 'string' && /^\d{1,15}$/.test(value.trim()) ? Number(value) : value;
  return typeof number === 'number' && Number.isSafeInteger(number) && number >= 0 ? number : undefined;
}
