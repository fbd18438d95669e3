import { AppError, type FieldProblem } from '@agentfleet/errors';

const CONTROL = /\p{Cc}/u;

/** Reads known query parameters; a repeated one, an object, or a control character is refused (422). */
export class QueryReader {
  private readonly problems: FieldProblem[] = [];

  constructor(private readonly query: Readonly<Record<string, unknown>>) {}

  text(name: string): string | undefined {
    const value = Object.hasOwn(this.query, name) ? this.query[name] : undefined;
    if (value === undefined) return undefined;
    if (typeof value !== 'string') return this.refuse(name, 'must be given once, as a plain text');
    return CONTROL.test(value) ? this.refuse(name, 'must not hold control characters') : value;
  }

  integer(name: string, range: { readonly min: number; readonly max: number }): number | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    const number = /^\d{1,16}$/.test(value) ? Number(value) : NaN;
    if (number >= range.min && number <= range.max) return number;
    const shown = range.max === Number.MAX_SAFE_INTEGER ? `of at least ${range.min}` : `from ${range.min} to ${range.max}`;
    return this.refuse(name, `must be a whole number ${shown}`);
  }

  /** 1 to 1000, default 100. */
  limit(): number {
    return this.integer('limit', { min: 1, max: 1000 }) ?? 100;
  }

  refuse(name: string, text: string): undefined {
    this.problems.push({ field: name, message: `${name} ${text}` });
    return undefined;
  }

  /** Throws when anything was refused. */
  finish(): void {
    throwProblems(this.problems);
  }
}

/** 422 with every problem; the first one is the `detail`. */
export function throwProblems(problems: readonly FieldProblem[]): void {
  const first = problems[0];
  if (first) throw new AppError('validation_failed', { message: first.message, problems });
}

/** An opaque cursor out of a position. */
export function encodeCursor(parts: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(parts)).toString('base64url');
}

/** The parts of a cursor of ours, undefined for anything else. */
export function decodeCursor(cursor: string): readonly unknown[] | undefined {
  try {
    const parts: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    return Array.isArray(parts) ? parts : undefined;
  } catch {
    return undefined;
  }
}
