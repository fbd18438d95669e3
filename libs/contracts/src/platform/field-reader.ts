import { isJsonObject, isWellFormed, type JsonObject, type JsonValue } from '../platform/json';
import { isLowSurrogate, isWellFormedJson } from '../platform/text';
import type { RunLimits } from './usage';

/** A field of a body or frame that is not as the contract says; `message` names the field. */
export interface GatewayFieldProblem {
  readonly field: string;
  readonly message: string;
}

export type GatewayParsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problems: readonly GatewayFieldProblem[] };

/** Stored as UTF-8 it would read back as another text. */
export const HALF_PAIR = 'must be well-formed Unicode (it has half a surrogate pair)';

/** Collects the problems of one body; each reader returns the value, or undefined when the field is absent or wrong. */
export class FieldReader {
  readonly problems: GatewayFieldProblem[] = [];

  constructor(private readonly body: JsonObject) {}

  /** The field, or undefined when it is absent; null means absent. */
  raw(field: string): JsonValue | undefined {
    return Object.hasOwn(this.body, field) ? (this.body[field] ?? undefined) : undefined;
  }

  refuse(field: string, message: string): undefined {
    this.problems.push({ field, message: `${field} ${message}` });
    return undefined;
  }

  text(field: string, rule: { readonly says: string; accepts(value: string): boolean }): string | undefined {
    const value = this.raw(field);
    if (value === undefined) return undefined;
    if (typeof value !== 'string') return this.refuse(field, rule.says);
    if (!isWellFormed(value)) return this.refuse(field, HALF_PAIR);
    return rule.accepts(value) ? value : this.refuse(field, rule.says);
  }

  integer(field: string, min: number, max: number, label = field): number | undefined {
    const value = this.raw(field);
    if (value === undefined) return undefined;
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max) return value;
    const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
    this.problems.push({ field: label, message: `${label} must be a whole number ${range}` });
    return undefined;
  }

  object(field: string, maxBytes: number, maxDepth: number): JsonObject | undefined {
    const value = this.raw(field);
    if (value === undefined) return undefined;
    if (!isJsonObject(value)) return this.refuse(field, 'must be an object');
    if (!isWithinDepth(value, maxDepth)) return this.refuse(field, `must not be nested deeper than ${maxDepth}`);
    if (!isWellFormedJson(value)) return this.refuse(field, HALF_PAIR);
    if (utf8Length(JSON.stringify(value)) > maxBytes) return this.refuse(field, `must be at most ${maxBytes} bytes of JSON`);
    return value;
  }

  flag(field: string): boolean | undefined {
    const value = this.raw(field);
    if (value === undefined || typeof value === 'boolean') return value;
    return this.refuse(field, 'must be true or false');
  }

  /** `limits`, each of its fields checked. */
  limits(): RunLimits | undefined {
    const value = this.raw('limits');
    if (value === undefined) return undefined;
    if (!isJsonObject(value)) return this.refuse('limits', 'must be an object');
    const inner = new FieldReader(value);
    const integers = {
      max_iterations: inner.integer('max_iterations', 1, 1000, 'limits.max_iterations'),
      max_tokens: inner.integer('max_tokens', 1, Number.MAX_SAFE_INTEGER, 'limits.max_tokens'),
      max_seconds: inner.integer('max_seconds', 1, 86_400, 'limits.max_seconds'),
    };
    const cost = inner.raw('max_cost_usd');
    if (cost !== undefined && !(typeof cost === 'number' && Number.isFinite(cost) && cost > 0)) {
      inner.problems.push({ field: 'limits.max_cost_usd', message: 'limits.max_cost_usd must be a number above 0' });
    }
    this.problems.push(...inner.problems);
    return defined({ ...integers, max_cost_usd: typeof cost === 'number' ? cost : undefined });
  }

  finish<T>(value: T): GatewayParsed<T> {
    return this.problems.length === 0 ? { ok: true, value } : { ok: false, problems: this.problems };
  }
}

/** The object without its undefined fields. */
export function defined<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const out: { [K in keyof T]?: Exclude<T[K], undefined> } = {};
  for (const key in value) {
    const field = value[key];
    if (field !== undefined) out[key] = field as Exclude<T[typeof key], undefined>;
  }
  return out;
}

/** Length of a text in UTF-8 bytes (this lib has no Buffer). */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    if (unit < 0x800) bytes += 1;
    else if (unit >= 0xd800 && unit <= 0xdbff && isLowSurrogate(text.charCodeAt(i + 1))) {
      bytes += 2;
      i++;
    } else bytes += 2;
  }
  return bytes;
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

const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

export function hasControlCharacter(text: string): boolean {
  return CONTROL.test(text);
}
