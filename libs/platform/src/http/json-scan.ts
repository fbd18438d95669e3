import { isWellFormed } from '@agentfleet/contracts';

/** How much structure one JSON text may have; its size in bytes is limited before. */
export interface JsonLimits {
  /** Levels of `{` and `[`. */
  readonly depth: number;
  /** Members of one object. */
  readonly keysPerObject: number;
  /** Members of all objects, the objects themselves and lists, all together. */
  readonly keys: number;
  /** Refuse keys that reach the prototype of an object when they are copied carelessly; default: they are data. */
  readonly refusePoison?: boolean;
}

/** Why a JSON text is refused before it is parsed; `path` is spelled `a.b[0].c`, empty for the whole text. */
export interface JsonFault {
  readonly kind: 'too_deep' | 'too_many_keys' | 'inexact_number' | 'poisoned';
  readonly path: string;
  /** The limit that was reached, for `too_deep` and `too_many_keys`. */
  readonly limit?: number;
  /** Of the whole text, not of one object. */
  readonly isTotal?: boolean;
}

/** Any number of so many digits survives the way through a double, with an exponent of at most two digits too. */
const ALWAYS_EXACT_DIGITS = 15;
const ALWAYS_EXACT_EXPONENT_DIGITS = 2;
/** The longest double has 309 digits before its point; what is longer is not looked at. */
const LONGEST_NUMBER = 400;
const LONGEST_SHOWN_KEY = 64;

/** Sign aside: the digits without zeros at both ends, and the power of ten behind them. */
function digitsOf(literal: string): { readonly digits: string; readonly exponent: number } {
  const [mantissa = '', power = '0'] = literal.toLowerCase().replace(/^-/, '').split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  const all = (whole + fraction).replace(/^0+/, '');
  const digits = all.replace(/0+$/, '');
  return { digits, exponent: Number(power) - fraction.length + (all.length - digits.length) };
}

/**
 * False when a number would read back as another one: beyond 1.8e308, smaller than the smallest double, or at least 2^53
 * with other digits (ids of 64 bits, nanoseconds). Smaller ones with a fraction are rounded to a double, as everywhere.
 */
export function survivesAsDouble(literal: string): boolean {
  if (literal.length > LONGEST_NUMBER) return false;
  const value = Number(literal);
  if (!Number.isFinite(value)) return false;
  if (value !== 0 && Math.abs(value) <= Number.MAX_SAFE_INTEGER) return true;
  const given = digitsOf(literal);
  if (value === 0) return given.digits === '';
  const kept = digitsOf(String(value));
  return given.digits === kept.digits && given.exponent === kept.exponent;
}

const PROTO = '__proto__';
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const isDigitOrSign = (c: number) => (c >= 0x30 && c <= 0x39) || c === 0x2d;

/** Where a number ends; negative when it has so many digits that it may change. Judged by its bytes: a body may have millions. */
function endOfNumber(text: Buffer, start: number): number {
  let digits = 0;
  let exponentDigits = -1; // before its `e`
  let at = start;
  for (; at < text.length; at++) {
    const c = text[at] ?? 0;
    if (c >= 0x30 && c <= 0x39) {
      if (exponentDigits < 0) digits++;
      else exponentDigits++;
    } else if (c === 0x45 || c === 0x65) exponentDigits = 0;
    else if (c !== 0x2d && c !== 0x2e && c !== 0x2b) break;
  }
  return digits > ALWAYS_EXACT_DIGITS || exponentDigits > ALWAYS_EXACT_EXPONENT_DIGITS ? -at : at;
}

/** The next quote with an even number of backslashes before it; the end of the text when there is none. */
function closingQuote(text: Buffer, from: number): number {
  for (let at = text.indexOf(QUOTE, from); at >= 0; at = text.indexOf(QUOTE, at + 1)) {
    let backslashes = 0;
    while (at - 1 - backslashes >= from && text[at - 1 - backslashes] === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return at;
  }
  return text.length;
}

/** One `{` or `[` that is open: where its newest key stands, and how many members it has had. */
interface Level {
  readonly isObject: boolean;
  keyStart: number;
  keyEnd: number;
  members: number;
}

class Scan {
  private readonly levels: Level[] = [];
  private keys = 0;
  private stringStart = 0;
  private stringEnd = 0;
  private hasEscape = false;

  constructor(
    private readonly text: Buffer,
    private readonly limits: JsonLimits,
  ) {}

  run(): JsonFault | undefined {
    const { text } = this;
    const { length } = text;
    for (let i = 0; i < length; i++) {
      const c = text[i] ?? 0;
      if (c === 0x20 || (c > 0x60 && c < 0x7b)) continue; // blanks, letters of true, false and null
      if (c === QUOTE) i = this.skipString(text, i + 1);
      else if (c === 0x7b || c === 0x5b) {
        if (this.levels.length >= this.limits.depth) return { kind: 'too_deep', path: '', limit: this.limits.depth };
        this.levels.push({ isObject: c === 0x7b, keyStart: 0, keyEnd: 0, members: 0 });
        if (++this.keys > this.limits.keys) return this.tooManyInAll();
      } else if (c === 0x7d || c === 0x5d) this.levels.pop();
      else if (c === 0x3a) {
        const fault = this.countKey();
        if (fault) return fault;
      } else if (c === 0x2c) this.nextItem();
      else if (isDigitOrSign(c)) {
        const end = endOfNumber(text, i);
        if (end < 0 && this.changesNumber(i, -end)) return { kind: 'inexact_number', path: this.path() };
        i = Math.abs(end) - 1;
      }
    }
    return undefined;
  }

  /** Most of a body is text in strings: short ones byte by byte, long ones by the runtime's own search. @returns where it ends */
  private skipString(text: Buffer, start: number): number {
    this.stringStart = start;
    this.hasEscape = false;
    const shortEnd = Math.min(text.length, start + 32);
    let i = start;
    while (i < shortEnd) {
      const c = text[i];
      if (c === QUOTE) return (this.stringEnd = i);
      if (c === BACKSLASH) {
        this.hasEscape = true;
        i += 2;
      } else i++;
    }
    this.hasEscape = true; // not looked for in long ones
    return (this.stringEnd = closingQuote(text, i));
  }

  private countKey(): JsonFault | undefined {
    const level = this.levels.at(-1);
    if (!level) return undefined; // no JSON
    level.keyStart = this.stringStart;
    level.keyEnd = this.stringEnd;
    if (this.limits.refusePoison === true && this.isPoison()) return { kind: 'poisoned', path: '' };
    if (++this.keys > this.limits.keys) return this.tooManyInAll();
    if (++level.members <= this.limits.keysPerObject) return undefined;
    this.levels.pop();
    return { kind: 'too_many_keys', path: this.path(), limit: this.limits.keysPerObject };
  }

  private tooManyInAll(): JsonFault {
    return { kind: 'too_many_keys', path: '', limit: this.limits.keys, isTotal: true };
  }

  /** `__proto__` anywhere, and `prototype` directly below `constructor`; also written with escapes. */
  private isPoison(): boolean {
    const length = this.stringEnd - this.stringStart;
    if (!this.hasEscape && length !== PROTO.length) return false; // `prototype` is as long
    const key = this.keyOf(this.levels.length - 1);
    return key === PROTO || (key === 'prototype' && this.keyOf(this.levels.length - 2) === 'constructor');
  }

  private keyOf(index: number): string | undefined {
    const level = this.levels[index];
    return level?.isObject === true ? decoded(this.text.toString('utf8', level.keyStart, level.keyEnd)) : undefined;
  }

  private nextItem(): void {
    const level = this.levels.at(-1);
    if (level && !level.isObject) level.members++;
  }

  /** Numbers directly in the outermost object belong to declared fields, which have checks of their own. */
  private changesNumber(start: number, end: number): boolean {
    if (this.levels.length < 2) return false;
    const literal = this.text.toString('latin1', start, Math.min(end, start + LONGEST_NUMBER + 1));
    // what Number() cannot read is no JSON either: the parser will say so
    return !Number.isNaN(Number(literal)) && !survivesAsDouble(literal);
  }

  private path(): string {
    let path = '';
    for (const { isObject, keyStart, keyEnd, members } of this.levels) {
      if (!isObject) path += `[${members}]`;
      else path += `${path === '' ? '' : '.'}${shownKey(this.text.toString('utf8', keyStart, keyEnd))}`;
    }
    return path;
  }
}

/** The key with its escapes resolved; undefined for what the parser will refuse. */
function decoded(raw: string): string | undefined {
  if (!raw.includes('\\')) return raw;
  try {
    return String(JSON.parse(`"${raw}"`));
  } catch {
    return undefined;
  }
}

/** A key for people. */
function shownKey(raw: string): string {
  const key = Array.from(decoded(raw) ?? '…').slice(0, LONGEST_SHOWN_KEY).join('');
  return isWellFormed(key) ? key : '…';
}

/**
 * Looks through the bytes of a JSON text once, without recursion and before its values exist: depth, number of keys, and
 * numbers that JavaScript would change. What is no JSON at all is left to the parser.
 */
export function findJsonFault(text: Buffer, limits: JsonLimits): JsonFault | undefined {
  return new Scan(text, limits).run();
}


/** Without the mark that Windows tools put before UTF-8 text; RFC 8259 allows to ignore it. */
export function withoutByteOrderMark(text: Buffer): Buffer {
  return text[0] === 0xef && text[1] === 0xbb && text[2] === 0xbf ? text.subarray(3) : text;
}

/** Words for people, continuing the field's name. */
export function describeJsonFault(fault: JsonFault): { readonly field: string; readonly message: string } {
  const field = fault.path === '' ? 'body' : fault.path;
  switch (fault.kind) {
    case 'too_deep':
      return { field, message: `must not be nested deeper than ${fault.limit} levels` };
    case 'too_many_keys':
      return { field, message: `must have at most ${fault.limit} ${fault.isTotal === true ? 'keys, objects and lists in all' : 'keys'}` };
    case 'poisoned':
      return { field, message: 'must not have the keys __proto__ and constructor.prototype' };
    case 'inexact_number':
      return { field, message: 'is a number that cannot be kept with all its digits (64-bit ids, nanoseconds, 1e400): write it as text' };
  }
}
