import type { FieldProblem } from '@agentfleet/errors';
import { isJsonList, isJsonObject, isWellFormed, type JsonObject, type JsonValue } from './json';
import { hasCodePoints, hasControlCharacter, isLargerAsJson, isWellFormedJson, isWithinDepth } from './text';

/** What became of outside data: the value, or every field that is not as the contract says. */
export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problems: readonly FieldProblem[] };

/** How an app words what is wrong. What is checked, and how, is the same for all. */
export interface ReaderDialect {
  /** The problem's text out of the field's name and what is said of it ("must be …"); never the value, which may be a secret. */
  message(field: string, says: string): string;
  /** Half a surrogate pair in a text: stored as UTF-8 it would read back as another one. */
  readonly halfPair: string;
  /** The same in a key or text somewhere inside an object. */
  readonly halfPairInside: string;
  /** For apps that refuse keys with U+0000 inside objects. */
  readonly nulKey?: string;
  tooManyBytes(maxBytes: number): string;
  wholeNumber(min: number, max: number): string;
  oneOf(choices: readonly string[]): string;
}

/** Says the whole rule ("must be …"); `accepts` sees well-formed text only. */
export interface TextRule {
  readonly says: string;
  readonly accepts: (value: string) => boolean;
}

export interface ObjectLimits {
  readonly maxBytes?: number;
  readonly maxDepth?: number;
}

/**
 * Reads the fields of one object from outside, without coercion, and collects everything that is wrong. Own fields only. Each
 * method gives the value, or undefined when the field is absent, null (but for `orNull`) or refused.
 */
export class FieldReader {
  readonly problems: FieldProblem[] = [];

  /** @param prefix stands before the names of the fields in problems, such as `limits.` */
  constructor(
    private readonly fields: JsonObject,
    private readonly dialect: ReaderDialect,
    private readonly prefix = '',
  ) {}

  raw(field: string): JsonValue | undefined {
    return Object.hasOwn(this.fields, field) ? (this.fields[field] ?? undefined) : undefined;
  }

  refuse(field: string, says: string): undefined {
    const name = this.prefix + field;
    this.problems.push({ field: name, message: this.dialect.message(name, says) });
    return undefined;
  }

  required<T>(field: string, value: T | undefined): T | undefined {
    const isAbsent = value === undefined && !this.problems.some((problem) => problem.field === this.prefix + field);
    return isAbsent ? this.refuse(field, 'is required') : value;
  }

  /** Keeps null, which clears what is stored, apart from absent. */
  orNull<T>(field: string, value: T | undefined): T | null | undefined {
    return value === undefined && Object.hasOwn(this.fields, field) && this.fields[field] === null ? null : value;
  }

  value<T extends JsonValue>(field: string, says: string, accepts: (value: JsonValue) => value is T): T | undefined {
    const value = this.raw(field);
    if (value === undefined) return undefined;
    return accepts(value) ? value : this.refuse(field, says);
  }

  text(field: string, { says, accepts }: TextRule): string | undefined {
    const value = this.value(field, says, isText);
    if (value === undefined) return undefined;
    if (!isWellFormed(value)) return this.refuse(field, this.dialect.halfPair);
    return accepts(value) ? value : this.refuse(field, says);
  }

  /** Required: 1 to `max` code points after trimming, printable; given as it was sent. */
  identifier(field: string, max: number): string | undefined {
    const value = this.raw(field);
    if (value === undefined || value === '') return this.refuse(field, 'is required');
    if (typeof value !== 'string' || !hasCodePoints(value.trim(), 1, max)) return this.refuse(field, `must be a string of 1 to ${max} characters`);
    const isPrintable = !hasControlCharacter(value) && isWellFormed(value);
    return isPrintable ? value : this.refuse(field, 'must not contain control characters or lone surrogates');
  }

  integer(field: string, min: number, max: number): number | undefined {
    const accepts = (value: JsonValue): value is number => typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max;
    return this.value(field, this.dialect.wholeNumber(min, max), accepts);
  }

  number(field: string, min: number, max: number): number | undefined {
    return this.value(field, `must be a number from ${min} to ${max}`, (value): value is number => typeof value === 'number' && value >= min && value <= max);
  }

  flag(field: string): boolean | undefined {
    return this.value(field, 'must be true or false', (value) => typeof value === 'boolean');
  }

  oneOf<const C extends string>(field: string, choices: readonly C[]): C | undefined {
    return this.value(field, this.dialect.oneOf(choices), (value): value is C => choices.some((choice) => choice === value));
  }

  texts(field: string, maxEntries: number, rule: TextRule): readonly string[] | undefined {
    const value = this.raw(field);
    if (value === undefined) return undefined;
    if (!isJsonList(value) || value.length > maxEntries) return this.refuse(field, `must be a list of at most ${maxEntries} entries`);
    const entries = value.filter(isText).filter((entry) => isWellFormed(entry) && rule.accepts(entry));
    return entries.length === value.length ? entries : this.refuse(field, `must have only entries of which each ${rule.says}`);
  }

  /** Any JSON object: keys such as `$where`, `a.b` and `` are data. */
  object(field: string, { maxBytes = Infinity, maxDepth = Infinity }: ObjectLimits = {}): JsonObject | undefined {
    const value = this.value(field, 'must be an object', isJsonObject);
    if (value === undefined) return undefined;
    if (maxDepth < Infinity && !isWithinDepth(value, maxDepth)) return this.refuse(field, `must not be nested deeper than ${maxDepth}`);
    if (isLargerAsJson(value, maxBytes)) return this.refuse(field, this.dialect.tooManyBytes(maxBytes));
    if (!isWellFormedJson(value)) return this.refuse(field, this.dialect.halfPairInside);
    if (this.dialect.nulKey !== undefined && hasNulKey(value)) return this.refuse(field, this.dialect.nulKey);
    return value;
  }

  /** What `read` makes of an object further in; its problems name it. */
  nested<T>(field: string, read: (inner: FieldReader) => T): T | undefined {
    const value = this.value(field, 'must be an object', isJsonObject);
    if (value === undefined) return undefined;
    const inner = new FieldReader(value, this.dialect, `${this.prefix}${field}.`);
    const result = read(inner);
    this.problems.push(...inner.problems);
    return result;
  }

  finish<T>(value: T | undefined): Parsed<T> {
    return this.problems.length > 0 || value === undefined ? { ok: false, problems: this.problems } : { ok: true, value };
  }
}

export function isText(value: unknown): value is string {
  return typeof value === 'string';
}

/** At most `max` code points. */
export function shortText(max: number): TextRule {
  return { says: `must be a string of at most ${max} characters`, accepts: (value) => hasCodePoints(value, 0, max) };
}

/** Without recursion, so that depth cannot exhaust the stack. */
function hasNulKey(root: JsonObject): boolean {
  const open: (JsonValue | undefined)[] = [root];
  while (open.length > 0) {
    const value = open.pop();
    if (typeof value !== 'object' || value === null) continue;
    if (!isJsonList(value) && Object.keys(value).some((key) => key.includes('\0'))) return true;
    for (const child of Object.values(value)) open.push(child);
  }
  return false;
}

/** The object without its undefined fields. */
export function defined<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const out: { [K in keyof T]?: Exclude<T[K], undefined> } = {};
  for (const key in value) {
    const field = value[key];
    if (field !== undefined) out[key] = field as Exclude<T[typeof key], undefined>; // narrowing does not reach indexed types
  }
  return out;
}
