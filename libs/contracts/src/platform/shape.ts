import { isJsonObject, type JsonObject } from './json';

/** Stands for a value that is not as it must be; undefined means absent. */
export const REFUSED = Symbol('refused');

/** Reads one value from outside: the value, or `REFUSED`. */
export type Read<T> = (value: unknown) => T | typeof REFUSED;

/** How each field of `T` is read. */
export type Shape<T> = { readonly [F in keyof T]-?: Read<T[F]> };

export const text: Read<string> = (value) => (typeof value === 'string' ? value : REFUSED);

export const truth: Read<boolean> = (value) => (typeof value === 'boolean' ? value : REFUSED);

export const wholeNumber: Read<number> = (value) => (typeof value === 'number' && Number.isSafeInteger(value) ? value : REFUSED);

export const object: Read<JsonObject> = (value) => (isJsonObject(value) ? value : REFUSED);

export function choice<const C extends string>(choices: readonly C[]): Read<C> {
  return (value) => choices.find((known) => known === value) ?? REFUSED;
}

export function nullOr<T>(read: Read<T>): Read<T | null> {
  return (value) => (value === null ? null : read(value));
}

export function optional<T>(read: Read<T>): Read<T | undefined> {
  return (value) => (value === undefined ? undefined : read(value));
}

export function listOf<T>(read: Read<T>): Read<readonly T[]> {
  return (value) => {
    if (!Array.isArray(value)) return REFUSED;
    const entries: T[] = [];
    for (const entry of value) {
      const result = read(entry);
      if (result === REFUSED) return REFUSED;
      entries.push(result);
    }
    return entries;
  };
}

/** An object whose members, however they are called, are all read alike. */
export function mapOf<T>(read: Read<T>): Read<Readonly<Record<string, T>>> {
  return (value) => {
    if (!isJsonObject(value)) return REFUSED;
    const members: [string, T][] = [];
    for (const [name, member] of Object.entries(value)) {
      const result = read(member);
      if (result === REFUSED) return REFUSED;
      members.push([name, result]);
    }
    return Object.fromEntries(members);
  };
}

/** An object with these fields; whatever else it has is left out. Own fields only. */
export function record<T extends object>(shape: Shape<T>): Read<T> {
  const fields = Object.entries<Read<unknown>>(shape);
  return (value) => {
    if (!isJsonObject(value)) return REFUSED;
    const result: Record<string, unknown> = {};
    for (const [field, read] of fields) {
      const member = read(Object.hasOwn(value, field) ? value[field] : undefined);
      if (member === REFUSED) return REFUSED;
      if (member !== undefined) result[field] = member;
    }
    return result as T; // every field of the shape was read
  };
}
