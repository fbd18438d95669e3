import type { FieldProblem } from '@agentfleet/errors';
import { isJsonObject, isWellFormed, type JsonObject, type JsonValue } from '../platform/json';
import { isWellFormedJson } from '../platform/text';

export type ClusterParsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problems: readonly FieldProblem[] };

const CONTROL = /\p{Cc}/u;
/** Stored as UTF-8 it would read back as another text. */
const HALF_PAIR = 'must not contain lone surrogates';

/** Characters as people count them (code points), not UTF-16 units. */
export function codePoints(text: string): number {
  let count = 0;
  for (const _character of text) count++;
  return count;
}

export function jsonBytes(value: JsonValue): number {
  return new TextEncoder().encode(JSON.stringify(value)).length;
}

/** Collects the problems of one payload. Readers return undefined for absent and for refused fields. */
export class PayloadReader {
  readonly problems: FieldProblem[] = [];

  constructor(private readonly payload: JsonObject) {}

  /** Own fields only: `__proto__` is a field like any other. */
  raw(field: string): JsonValue | undefined {
    return Object.hasOwn(this.payload, field) ? this.payload[field] : undefined;
  }

  refuse(field: string, message: string): undefined {
    this.problems.push({ field, message });
    return undefined;
  }

  /** 1 to `max` code points after trimming, printable; returned as sent. */
  identifier(field: string, max: number): string | undefined {
    const value = this.raw(field);
    if (value === undefined || value === null || value === '') return this.refuse(field, 'is required');
    const says = `must be a string of 1 to ${max} characters`;
    if (typeof value !== 'string') return this.refuse(field, says);
    const trimmed = value.trim();
    const length = trimmed.length > 2 * max ? max + 1 : codePoints(trimmed);
    if (length < 1 || length > max) return this.refuse(field, says);
    if (CONTROL.test(value) || !isWellFormed(value)) return this.refuse(field, 'must not contain control characters or lone surrogates');
    return value;
  }

  /** null clears; absent is undefined. */
  text(field: string, max: number): string | null | undefined {
    const value = this.raw(field);
    if (value === undefined || value === null) return value;
    const fits = typeof value === 'string' && value.length <= 2 * max && codePoints(value) <= max;
    if (!fits) return this.refuse(field, `must be a string of at most ${max} characters`);
    return isWellFormed(value) ? value : this.refuse(field, HALF_PAIR);
  }

  object(field: string, maxBytes?: number): JsonObject | null | undefined {
    const value = this.raw(field);
    if (value === undefined || value === null) return value;
    if (!isJsonObject(value)) return this.refuse(field, 'must be an object');
    if (maxBytes !== undefined && jsonBytes(value) > maxBytes) return this.refuse(field, `must be at most ${maxBytes} bytes of JSON`);
    return isWellFormedJson(value) ? value : this.refuse(field, HALF_PAIR);
  }

  finish<T>(value: T): ClusterParsed<T> {
    return this.problems.length === 0 ? { ok: true, value } : { ok: false, problems: this.problems };
  }
}

/** A field only when it was sent, so that "absent" and "null" stay apart. */
export function ifSent<K extends string, V>(field: K, value: V | undefined): { readonly [P in K]?: V } {
  return value === undefined ? {} : ({ [field]: value } as { readonly [P in K]?: V }); // a computed key loses its type
}
