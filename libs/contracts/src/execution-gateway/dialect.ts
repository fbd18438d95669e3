import type { ReaderDialect } from '../platform/field-reader';
import type { QueryDialect } from '../platform/query-reader';

const HALF_PAIR = 'must be well-formed Unicode (it has half a surrogate pair)';

const named = {
  message: (field: string, says: string) => `${field} ${says}`,
  wholeNumber: (min: number, max: number) => `must be a whole number ${max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`}`,
};

export const GATEWAY_DIALECT: ReaderDialect = {
  ...named,
  halfPair: HALF_PAIR,
  halfPairInside: HALF_PAIR,
  tooManyBytes: (maxBytes) => `must be at most ${maxBytes} bytes of JSON`,
  oneOf: (choices) => `must be ${choices.map((choice) => `"${choice}"`).join(', ')}`,
};

export const GATEWAY_QUERY_DIALECT: QueryDialect = {
  ...named,
  notOnce: 'must be given once, as a plain text',
  controlCharacters: 'must not hold control characters',
  digits: /^\d{1,16}$/,
};
