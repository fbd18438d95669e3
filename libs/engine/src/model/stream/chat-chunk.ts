import { isJsonObject, type JsonObject, type JsonValue } from '@agentfleet/contracts';

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
