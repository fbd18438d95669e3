import { hasControlCharacter, utf8Length } from '../execution-gateway/fields';
import { isJsonObject, isWellFormed, type JsonObject, type JsonValue } from '../platform/json';
import { wellFormed } from '../platform/text';

/** A refused field; `message` continues the field's name and never quotes its value, which may be a token. */
export interface VpsFieldProblem {
  readonly field: string;
  readonly message: string;
}

/** What is said of `retry_on` and `fallback_on` is checked by the caller: the patterns belong to the core. */
export type VpsParsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problems: readonly VpsFieldProblem[] };


/** A text for people, at most 64 characters of it, without half a surrogate pair. */
export function shortened(text: string): string {
  return wellFormed([...text.slice(0, 128)].slice(0, 64).join(''));
}

/** True when the text has between `min` and `max` code points. */
export function hasCodePoints(text: string, min: number, max: number): boolean {
  if (text.length < min || text.length > 2 * max) return false;
  if (text.length <= max) return true;
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    if (++count > max) return false;
    const unit = text.charCodeAt(i);
    if (unit >= 0xd800 && unit <= 0xdbff) i++;
  }
  return true;
}

/** Reads the fields of one body without coercion and collects everything that is wrong; null counts as absent. */
export class BodyReader {
  readonly problems: VpsFieldProblem[] = [];

  constructor(private readonly body: JsonObject) {}

  raw(field: string): JsonValue | undefined {
    return Object.hasOwn(this.body, field) ? (this.body[field] ?? undefined) : undefined;
  }

  refuse(field: string, message: string): undefined {
    this.problems.push({ field, message });
    return undefined;
  }

  /** @param rule says the whole rule ("must be …"); `accepts` sees well-formed text only. */
  text(field: string, rule: { readonly says: string; readonly accepts: (value: string) => boolean }): string | undefined {
    const value = this.raw(field);
    if (value === undefined) return undefined;
    if (typeof value !== 'string') return this.refuse(field, rule.says);
    if (!isWellFormed(value)) return this.refuse(field, 'must be well-formed Unicode (it has half a surrogate pair)');
    return rule.accepts(value) ? value : this.refuse(field, rule.says);
  }

  required<T>(field: string, value: T | undefined): T | undefined {
    if (value === undefined && !this.problems.some((problem) => problem.field === field)) this.refuse(field, 'is required');
    return value;
  }

  integer(field: string, min: number, max: number): number | undefined {
    const value = this.raw(field);
    if (value === undefined) return undefined;
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
    return this.refuse(field, `must be a whole number from ${min} to ${max}`);
  }

  number(field: string, min: number, max: number): number | undefined {
    const value = this.raw(field);
    if (value === undefined) return undefined;
    if (typeof value === 'number' && value >= min && value <= max) return value;
    return this.refuse(field, `must be a number from ${min} to ${max}`);
  }

  flag(field: string): boolean | undefined {
    const value = this.raw(field);
    if (value === undefined || typeof value === 'boolean') return value;
    return this.refuse(field, 'must be true or false');
  }

  oneOf<C extends string>(field: string, choices: readonly C[]): C | undefined {
    const value = this.raw(field);
    if (value === undefined) return undefined;
    return choices.find((choice) => choice === value) ?? this.refuse(field, `must be one of ${choices.join(', ')}`);
  }

  texts(field: string, maxEntries: number, rule: { readonly says: string; readonly accepts: (value: string) => boolean }): readonly string[] | undefined {
    const value = this.raw(field);
    if (value === undefined) return undefined;
    if (!Array.isArray(value) || value.length > maxEntries) return this.refuse(field, `must be a list of at most ${maxEntries} entries`);
    const entries = value.filter((entry): entry is string => typeof entry === 'string' && rule.accepts(entry));
    return entries.length === value.length ? entries : this.refuse(field, `must have only entries of which each ${rule.says}`);
  }

  /** Any JSON object: keys such as `$where`, `a.b` and `` are data. */
  object(field: string, maxBytes: number): JsonObject | undefined {
    const value = this.raw(field);
    if (value === undefined) return undefined;
    if (!isJsonObject(value)) return this.refuse(field, 'must be an object');
    const says = `must be at most ${maxBytes} bytes as JSON`;
    if (isSurelyLarger(value, maxBytes)) return this.refuse(field, says); // nobody looks through megabytes that are refused anyway
    const problem = textProblemInside(value);
    if (problem !== null) return this.refuse(field, problem);
    return utf8Length(JSON.stringify(value)) <= maxBytes ? value : this.refuse(field, says);
  }

  finish<T>(value: T | undefined): VpsParsed<T> {
    if (this.problems.length > 0 || value === undefined) return { ok: false, problems: this.problems };
    return { ok: true, value };
  }
}

/** True when a count of what must be there, a byte for each value and character, is beyond the limit; stops as soon as it is. */
function isSurelyLarger(root: JsonObject, maxBytes: number): boolean {
  let bytes = 0;
  const open: (JsonValue | undefined)[] = [root];
  while (open.length > 0 && bytes <= maxBytes) {
    const value = open.pop();
    bytes += typeof value === 'string' ? value.length : 1;
    if (typeof value !== 'object' || value === null) continue;
    if (Array.isArray(value) && bytes + value.length > maxBytes) return true;
    for (const child of Object.values(value)) open.push(child);
    if (bytes + open.length > maxBytes) return true;
  }
  return bytes > maxBytes;
}

/** What is wrong with the keys and texts inside, without recursion. */
function textProblemInside(root: JsonObject): string | null {
  const open: (JsonValue | undefined)[] = [root];
  while (open.length > 0) {
    const value = open.pop();
    if (typeof value === 'string' && !isWellFormed(value)) return 'must hold well-formed Unicode only';
    if (typeof value !== 'object' || value === null) continue;
    for (const [key, child] of Object.entries(value)) {
      if (key.includes('\u0000')) return 'must not have a key with U+0000';
      if (!isWellFormed(key)) return 'must hold well-formed Unicode only';
      open.push(child);
    }
  }
  return null;
}

/** Ids that would collide with routes or prototypes. */
const IMPOSSIBLE_SESSION_IDS: ReadonlySet<string> = new Set(['.', '..', '__proto__', 'cleanup', 'export', 'import']);

/** 1 to 256 code points without control characters. */
export const LABEL_RULE = {
  says: 'must be a string of 1 to 256 characters without control characters',
  accepts: (value: string) => hasCodePoints(value, 1, 256) && !hasControlCharacter(value),
};

export const SESSION_ID_RULE = {
  says: 'must be a string of 1 to 256 characters without control characters, and none of ., .., __proto__, cleanup, export, import',
  accepts: (value: string) => LABEL_RULE.accepts(value) && !IMPOSSIBLE_SESSION_IDS.has(value),
};

export function isVpsSessionId(text: string): boolean {
  return isWellFormed(text) && SESSION_ID_RULE.accepts(text);
}

const AGENT_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

export const AGENT_NAME_RULE = {
  says: 'must be 1 to 128 letters, digits, ".", "_" or "-", beginning with a letter or digit',
  accepts: (value: string) => AGENT_NAME.test(value),
};

export function isVpsAgentName(text: string): boolean {
  return AGENT_NAME.test(text);
}
