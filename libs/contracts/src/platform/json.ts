/** Any value that JSON can carry. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: JsonValue | undefined;
}

/** True for a JSON object: neither null nor a list. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** True for a JSON list; `Array.isArray` alone would make its entries `any`. */
export function isJsonList(value: unknown): value is readonly JsonValue[] {
  return Array.isArray(value);
}

const LONE_SURROGATE = /\p{Surrogate}/u;

/** False for text with half a surrogate pair: stored as UTF-8 it would read back differently. */
export function isWellFormed(text: string): boolean {
  return !LONE_SURROGATE.test(text);
}
