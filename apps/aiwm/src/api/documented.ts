/**
 * A wire type as the OpenAPI document spells it, where a set of known values is a plain string or boolean: a client that was
 * generated from the document must not break when a value is added.
 */
export type Documented<T> = T extends string
  ? string
  : T extends boolean
    ? boolean
    : T extends readonly (infer Item)[]
      ? readonly Documented<Item>[]
      : string extends keyof T
        ? T // names are the caller's
        : T extends object
          ? { readonly [K in keyof T]: Documented<T[K]> }
          : T;
