import { isWellFormed, type JsonObject, type JsonValue } from './json';

const HALF_PAIR = /\p{Surrogate}/gu;

/** The text with U+FFFD for each half of a surrogate pair, as it would read back from UTF-8. */
export function wellFormed(text: string): string {
  return isWellFormed(text) ? text : text.replace(HALF_PAIR, '\uFFFD');
}

/** At most `maxLength` UTF-16 units from the beginning of a text; never ends between the halves of a character. */
export function cutText(text: string, maxLength: number): string {
  if (text.length <= maxLength) return wellFormed(text);
  const isSplit = isHighSurrogate(text.charCodeAt(maxLength - 1)) && isLowSurrogate(text.charCodeAt(maxLength));
  return wellFormed(text.slice(0, isSplit ? maxLength - 1 : maxLength));
}

export function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

export function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}

/** False when any key or text inside has half a surrogate pair; without recursion, so that depth cannot exhaust the stack. */
export function isWellFormedJson(value: JsonValue | undefined): boolean {
  const open: (JsonValue | undefined)[] = [value];
  while (open.length > 0) {
    const next = open.pop();
    if (typeof next === 'string' && !isWellFormed(next)) return false;
    if (typeof next !== 'object' || next === null) continue;
    if (!Object.keys(next).every(isWellFormed)) return false;
    for (const child of Object.values(next)) open.push(child);
  }
  return true;
}

/** The object with `wellFormed` keys and texts at every depth; the same object when nothing had to be changed. */
export function wellFormedObject(value: JsonObject): JsonObject {
  return isWellFormedJson(value) ? value : mendedObject(value);
}

function mendedObject(value: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [wellFormed(key), mended(child)]));
}

function mended(value: JsonValue | undefined): JsonValue | undefined {
  if (typeof value === 'string') return wellFormed(value);
  if (typeof value !== 'object' || value === null) return value;
  if (isList(value)) return value.map((child) => mended(child) ?? null);
  return mendedObject(value);
}

function isList(value: object): value is readonly JsonValue[] {
  return Array.isArray(value);
}
