import { isJsonList, isWellFormed, type JsonObject, type JsonValue } from './json';

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
  if (isJsonList(value)) return value.map((child) => mended(child) ?? null);
  return mendedObject(value);
}

const CONTROL = /\p{Cc}/u;

export function hasControlCharacter(text: string): boolean {
  return CONTROL.test(text);
}

/** True when the text has between `min` and `max` characters as people count them (code points); long texts are not counted out. */
export function hasCodePoints(text: string, min: number, max: number): boolean {
  if (text.length < min || text.length > 2 * max) return false;
  if (text.length <= max && min <= 1) return true;
  let count = 0;
  for (const _character of text) if (++count > max) return false;
  return count >= min;
}

/** Length of a text in UTF-8 bytes (this lib has no Buffer). */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    if (unit < 0x800) bytes += 1;
    else if (isHighSurrogate(unit) && isLowSurrogate(text.charCodeAt(i + 1))) {
      bytes += 2;
      i++;
    } else bytes += 2;
  }
  return bytes;
}

/** True when the value, written as JSON, has more bytes than this; nobody looks through megabytes that are refused anyway. */
export function isLargerAsJson(value: JsonValue, maxBytes: number): boolean {
  if (maxBytes === Infinity) return false;
  const { least, most } = boundsAsJson(value, maxBytes);
  return least > maxBytes || (most > maxBytes && utf8Length(JSON.stringify(value)) > maxBytes);
}

/** As JSON a character has at most six bytes (an escape), a number as many as the longest one. */
const MOST_PER_CHARACTER = 6;
const LONGEST_NUMBER = 25;

/** Between how many bytes a value has as JSON; stops counting as soon as the least is beyond the limit. */
function boundsAsJson(root: JsonValue, maxBytes: number): { readonly least: number; readonly most: number } {
  let least = 0;
  let most = 0;
  const open: (JsonValue | undefined)[] = [root];
  while (open.length > 0 && least <= maxBytes) {
    const value = open.pop();
    least += typeof value === 'string' ? value.length : 1;
    most += typeof value === 'string' ? MOST_PER_CHARACTER * value.length + 3 : LONGEST_NUMBER + 1; // with its quotes and comma
    if (typeof value !== 'object' || value === null) continue;
    if (isJsonList(value)) {
      if (least + value.length > maxBytes) return { least: least + value.length, most };
      for (const child of value) open.push(child);
    } else {
      for (const key in value) {
        most += MOST_PER_CHARACTER * key.length + 3;
        open.push(value[key]);
      }
    }
    if (least + open.length > maxBytes) return { least: least + open.length, most };
  }
  return { least, most };
}

/** True when no value inside is nested deeper than the limit; without recursion, so that depth cannot exhaust the stack. */
export function isWithinDepth(value: JsonValue, maxDepth: number): boolean {
  const open: { value: JsonValue | undefined; depth: number }[] = [{ value, depth: 1 }];
  for (let next = open.pop(); next; next = open.pop()) {
    if (typeof next.value !== 'object' || next.value === null) continue;
    if (next.depth > maxDepth) return false;
    for (const child of Object.values(next.value)) open.push({ value: child, depth: next.depth + 1 });
  }
  return true;
}
