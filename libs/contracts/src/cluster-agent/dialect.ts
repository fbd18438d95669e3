import type { ReaderDialect } from '../platform/field-reader';
import type { QueryDialect } from '../platform/query-reader';

const HALF_PAIR = 'must not contain lone surrogates';
const MAX_QUERY_TEXT = 1024;
const ODD_QUERY_TEXT = `must be given once, with at most ${MAX_QUERY_TEXT} characters and no control characters`;

const worded = {
  message: (_field: string, says: string) => says, // the answer names the field beside it
  wholeNumber: (min: number, max: number) => `must be a whole number from ${min} to ${max}`,
};

export const CLUSTER_DIALECT: ReaderDialect = {
  ...worded,
  halfPair: HALF_PAIR,
  halfPairInside: HALF_PAIR,
  tooManyBytes: (maxBytes) => `must be at most ${maxBytes} bytes of JSON`,
  oneOf: (choices) => `must be one of ${choices.join(', ')}`,
};

export const CLUSTER_QUERY_DIALECT: QueryDialect = {
  ...worded,
  notOnce: ODD_QUERY_TEXT,
  controlCharacters: ODD_QUERY_TEXT,
  maxTextLength: MAX_QUERY_TEXT,
  digits: /^\d{1,16}$/,
};
