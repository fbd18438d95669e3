import type { ReaderDialect } from '../platform/field-reader';

export const BRIDGE_DIALECT: ReaderDialect = {
  message: (_field, says) => says, // the answer names the field beside it
  halfPair: 'must be well-formed Unicode (it has half a surrogate pair)',
  halfPairInside: 'must hold well-formed Unicode only',
  nulKey: 'must not have a key with U+0000',
  tooManyBytes: (maxBytes) => `must be at most ${maxBytes} bytes as JSON`,
  wholeNumber: (min, max) => `must be a whole number from ${min} to ${max}`,
  oneOf: (choices) => `must be one of ${choices.join(', ')}`,
};
