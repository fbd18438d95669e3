import type { FieldProblem } from '@agentfleet/errors';
import type { Parsed } from './field-reader';
import { hasControlCharacter } from './text';
import { timeOf } from './time';

/** How an app words what is wrong with a query, and how it spells numbers and texts there. */
export interface QueryDialect {
  message(field: string, says: string): string;
  /** A parameter that is repeated or an object. */
  readonly notOnce: string;
  /** Default: they may be in a text. */
  readonly controlCharacters?: string;
  /** Longer texts are refused with `notOnce`, which names the length. */
  readonly maxTextLength?: number;
  readonly digits: RegExp;
  wholeNumber(min: number, max: number): string;
}

const RFC_3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/i;

/** Reads known parameters of a query, each given once as text, and collects everything that is wrong. */
export class QueryReader {
  readonly problems: FieldProblem[] = [];

  constructor(
    private readonly query: Readonly<Record<string, unknown>>,
    private readonly dialect: QueryDialect,
  ) {}

  /** As it came: a text, a list of texts, an object. */
  raw(field: string): unknown {
    return Object.hasOwn(this.query, field) ? this.query[field] : undefined;
  }

  refuse(field: string, says: string): undefined {
    this.problems.push({ field, message: this.dialect.message(field, says) });
    return undefined;
  }

  text(field: string): string | undefined {
    const value = this.raw(field);
    if (value === undefined) return undefined;
    const { maxTextLength = Infinity, notOnce, controlCharacters } = this.dialect;
    if (typeof value !== 'string' || value.length > maxTextLength) return this.refuse(field, notOnce);
    return controlCharacters !== undefined && hasControlCharacter(value) ? this.refuse(field, controlCharacters) : value;
  }

  oneOf<const C extends string>(field: string, choices: readonly C[]): C | undefined {
    const value = this.text(field);
    const found = choices.find((choice) => choice === value);
    return value === undefined || found !== undefined ? found : this.refuse(field, `must be one of ${choices.join(', ')}`);
  }

  whole(field: string, min: number, max: number): number | undefined {
    const value = this.raw(field);
    if (value === undefined) return undefined;
    const number = typeof value === 'string' && this.dialect.digits.test(value) ? Number(value) : NaN;
    return number >= min && number <= max ? number : this.refuse(field, this.dialect.wholeNumber(min, max));
  }

  /** The number of entries of a page, from 1; one beyond the maximum is lowered to it, or refused. */
  limit({ max, fallback, beyond }: { readonly max: number; readonly fallback: number; readonly beyond: 'lowered' | 'refused' }): number {
    const highest = beyond === 'lowered' ? Number.MAX_SAFE_INTEGER : max;
    return Math.min(max, this.whole('limit', 1, highest) ?? fallback);
  }

  time(field: string): Date | undefined {
    const value = this.text(field);
    if (value === undefined) return undefined;
    const time = RFC_3339.test(value) ? timeOf(value.toUpperCase()) : undefined;
    return time ?? this.refuse(field, 'must be an RFC 3339 time on a day that the calendar has');
  }

  finish<T>(value: T): Parsed<T> {
    return this.problems.length === 0 ? { ok: true, value } : { ok: false, problems: this.problems };
  }
}
