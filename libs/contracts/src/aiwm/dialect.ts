import type { QueryDialect } from '../platform/query-reader';

/** How AIWM words what is wrong with a query; the field's name is put before it. */
export const AIWM_QUERY_DIALECT: QueryDialect = {
  message: (_field, says) => says,
  notOnce: 'must be given once',
  controlCharacters: 'must not have control characters',
  digits: /^[1-9]\d*$/,
  wholeNumber: (min, max) => (max === Infinity ? `must be a whole number of at least ${min}` : `must be a whole number from ${min} to ${max}`),
};
