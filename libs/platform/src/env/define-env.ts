/** One variable: how to read it from its text, and what to say about it. */
export interface Variable<T> {
  readonly doc: string;
  readonly defaultText: string;
  readonly secret: boolean;
  /** Throws an Error whose message continues "NAME …" when the text is not acceptable. `undefined` = not set. */
  parse(text: string | undefined): T;
}

type Shape = Readonly<Record<string, Variable<unknown>>>;
type ValuesOf<S extends Shape> = { readonly [K in keyof S]: S[K] extends Variable<infer T> ? T : never };

export interface EnvProblem {
  readonly name: string;
  readonly problem: string;
}

export type EnvResult<T> = { readonly ok: true; readonly values: T } | { readonly ok: false; readonly problems: readonly EnvProblem[] };

/** A description of all variables of an app. */
export interface EnvDefinition<T> {
  readonly variables: Shape;
  /** Reads and validates all variables at once. `""` counts as not set. Never throws; names every bad variable. */
  parse(source: Readonly<Record<string, string | undefined>>): EnvResult<T>;
  /** Names that are set, unknown, and so close to a known one that they are most likely meant for it. */
  misspelled(source: Readonly<Record<string, string | undefined>>): readonly EnvProblem[];
  /** All defaults, whether or not an app could run with them: for what needs no running app. */
  defaults(): T;
}

export type EnvOf<D> = D extends EnvDefinition<infer T> ? T : never;

/**
 * Declares the variables of an app. `check` sees the parsed values and returns problems that concern several of them.
 */
export function defineEnv<S extends Shape>(
  variables: S,
  check: (values: ValuesOf<S>) => readonly EnvProblem[] = () => [],
): EnvDefinition<ValuesOf<S>> {
  const read = (source: Readonly<Record<string, string | undefined>>) => {
    const problems: EnvProblem[] = [];
    const values: Record<string, unknown> = {};
    for (const [name, variable] of Object.entries(variables)) {
      const text = source[name];
      try {
        values[name] = variable.parse(text === '' ? undefined : text);
      } catch (error) {
        problems.push({ name, problem: error instanceof Error ? error.message : 'is not valid' });
      }
    }
    return { problems, values: values as ValuesOf<S> }; // every key of S was filled by its own variable, or is a problem
  };
  return {
    variables,
    defaults: () => read({}).values,
    misspelled: (source) => misspelledNames(Object.keys(source), Object.keys(variables)),
    parse(source) {
      const { problems, values } = read(source);
      if (problems.length > 0) return { ok: false, problems };
      const crossProblems = check(values);
      return crossProblems.length > 0 ? { ok: false, problems: crossProblems } : { ok: true, values };
    },
  };
}

/** True when one letter is missing, added or another one, or two neighbours are swapped. */
function isOneSlipAway(a: string, b: string): boolean {
  if (a === b || Math.abs(a.length - b.length) > 1) return false;
  let start = 0;
  while (start < a.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < Math.min(a.length, b.length) - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const [left, right] = [a.slice(start, a.length - end), b.slice(start, b.length - end)];
  if (left.length <= 1 && right.length <= 1) return true;
  return left.length === 2 && right.length === 2 && left[0] === right[1] && left[1] === right[0];
}

/** Names this short are others' too: `HOSTS`, `HOME`. */
const SHORTEST_COMPARED = 7;

function misspelledNames(set: readonly string[], known: readonly string[]): readonly EnvProblem[] {
  return set.flatMap((name) => {
    if (name.length < SHORTEST_COMPARED || known.includes(name)) return [];
    const meant = known.find((candidate) => isOneSlipAway(name.toUpperCase(), candidate) || name.toUpperCase() === candidate);
    return meant === undefined ? [] : [{ name, problem: `is no variable and is ignored; did you mean ${meant}?` }];
  });
}

interface Common {
  readonly doc: string;
  /** The value is cut out of messages. */
  readonly secret?: boolean;
}
interface Required<T> extends Common {
  readonly default: T;
  readonly optional?: false;
}
interface Optional extends Common {
  readonly optional: true;
}

function variable<T>(
  options: Required<T> | Optional,
  read: (text: string) => T,
  show: (value: T) => string = String,
): Variable<T | undefined> {
  const defaultText = options.optional ? '–' : show(options.default);
  return {
    doc: options.doc,
    defaultText,
    secret: options.secret ?? false,
    parse: (text) => (text === undefined ? (options.optional ? undefined : options.default) : read(text)),
  };
}

interface NumberRange {
  readonly min?: number;
  readonly max?: number;
}
/** A whole decimal number within a range. */
export function integer(options: Required<number> & NumberRange): Variable<number>;
export function integer(options: Optional & NumberRange): Variable<number | undefined>;
export function integer(options: (Required<number> | Optional) & NumberRange): Variable<number | undefined> {
  const min = options.min ?? 0;
  const max = options.max ?? Number.MAX_SAFE_INTEGER;
  return variable(options, (text) => {
    const value = /^-?\d{1,16}$/.test(text) ? Number(text) : NaN;
    if (!(value >= min && value <= max)) throw new Error(`must be a whole number from ${min} to ${max}`);
    return value;
  });
}

interface TextRules {
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: RegExp;
  /** Continues "must …" when the pattern does not match. */
  readonly patternText?: string;
}
/** A text. */
export function text(options: Required<string> & TextRules): Variable<string>;
export function text(options: Optional & TextRules): Variable<string | undefined>;
export function text(options: (Required<string> | Optional) & TextRules): Variable<string | undefined> {
  return variable(options, (value) => {
    const { minLength = 0, maxLength = 65536, pattern } = options;
    if (value.length < minLength) throw new Error(`must have at least ${minLength} characters`);
    if (value.length > maxLength) throw new Error(`must have at most ${maxLength} characters`);
    if (pattern && !pattern.test(value)) throw new Error(`must ${options.patternText ?? `match ${String(pattern)}`}`);
    return value;
  });
}

/** `true` or `false` (also `1`, `0`, `on`, `off`). */
export function flag(options: Required<boolean>): Variable<boolean> {
  return variable(options, (value) => {
    if (['true', '1', 'on'].includes(value)) return true;
    if (['false', '0', 'off'].includes(value)) return false;
    throw new Error('must be true or false');
  }) as Variable<boolean>; // a variable with a default is never undefined
}

/** One of a few words. */
export function choice<const C extends string>(choices: readonly C[], options: Required<NoInfer<C>>): Variable<C> {
  return variable<C>(options, (value) => {
    const found = choices.find((candidate) => candidate === value);
    if (found === undefined) throw new Error(`must be one of ${choices.join(', ')}`);
    return found;
  }) as Variable<C>; // a variable with a default is never undefined
}

/** A comma-separated list; blanks around the entries are dropped, empty entries too. */
export function list(options: Required<readonly string[]> & { readonly each?: (entry: string) => void }): Variable<readonly string[]> {
  return variable<readonly string[]>(
    options,
    (value) => {
      const entries = value.split(',').map((entry) => entry.trim()).filter((entry) => entry !== '');
      entries.forEach((entry) => options.each?.(entry));
      return entries;
    },
    (value) => value.join(',') || '–',
  ) as Variable<readonly string[]>; // a variable with a default is never undefined
}

/** An http or https address without a trailing slash. */
export function httpUrl(options: Optional): Variable<string | undefined> {
  return variable<string>(options, (value) => {
    const url = URL.canParse(value) ? new URL(value) : undefined;
    if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:')) throw new Error('must be an http or https URL');
    return value.replace(/\/+$/, '');
  });
}

/** A JSON value, checked by `read`, which throws an Error that continues "NAME …". */
export function json<T>(options: Optional & { readonly read: (value: unknown) => T }): Variable<T | undefined> {
  return variable<T>(options, (value) => {
    let parsed: unknown;
    try {
      parsed = JSON.parse(value);
    } catch {
      throw new Error('must be valid JSON');
    }
    return options.read(parsed);
  });
}

/** One line per bad variable, for people. */
export function describeProblems(app: string, problems: readonly EnvProblem[]): string {
  const lines = problems.map(({ name, problem }) => `  ${name} ${problem}`);
  return [`${app} cannot start: ${problems.length === 1 ? 'a variable is' : 'some variables are'} not valid.`, ...lines].join('\n');
}
