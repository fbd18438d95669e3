import { AppError } from '@agentfleet/errors';
import * as fc from 'fast-check';
import { isPoisoned, isWithinDepth, parseJsonBody } from './json-body';

const RULES = { maxJsonDepth: 4, emptyJsonBody: 'object', nonObjectBody: 'validation_failed', deepJson: 'malformed_json' } as const;
const codeOf = (text: string, rules: Parameters<typeof parseJsonBody>[1] = RULES) => {
  try {
    parseJsonBody(Buffer.from(text), rules);
    return undefined;
  } catch (error) {
    return error instanceof AppError ? error.code : error;
  }
};

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

test('depth is measured as the parser would, brackets in strings ignored', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 8 }), fc.integer({ min: 0, max: 10 }), (value, limit) => {
      expect(isWithinDepth(Buffer.from(JSON.stringify(value)), limit)).toBe(depthOf(value) <= limit);
    }),
  );
  expect(isWithinDepth(Buffer.from('['.repeat(200_000)), 64)).toBe(false);
});

test('poisoned keys are found at any depth, harmless ones are not', () => {
  expect(isPoisoned(JSON.parse('{"a":[{"__proto__":1}]}'))).toBe(true);
  expect(isPoisoned(JSON.parse('{"a":{"constructor":{"prototype":{}}}}'))).toBe(true);
  expect(isPoisoned(JSON.parse('{"constructor":"x","prototype":1,"a":{"constructor":{"x":1}}}'))).toBe(false);
});

test('what each rule says', () => {
  expect(parseJsonBody(Buffer.from(''), RULES)).toEqual({});
  expect(codeOf('', { ...RULES, emptyJsonBody: 'refuse' })).toBe('malformed_json');
  expect(codeOf('[]')).toBe('validation_failed');
  expect(codeOf('[]', { ...RULES, nonObjectBody: 'malformed_json' })).toBe('malformed_json');
  expect(codeOf('{"a":{"b":{"c":{"d":{}}}}}')).toBe('malformed_json');
  expect(codeOf('{"a":{"b":{"c":{"d":{}}}}}', { ...RULES, deepJson: 'validation_failed' })).toBe('validation_failed');
  expect(codeOf('{"a":{"b":{"c":{}}}}')).toBeUndefined();
});

test('an error never quotes the body', () => {
  expect(() => parseJsonBody(Buffer.from('{"password":"hunter2"'), RULES)).toThrow('Invalid JSON: unexpected end of input');
  expect(() => parseJsonBody(Buffer.from('hunter2'), RULES)).toThrow(/^Invalid JSON: (not valid JSON|unexpected character at position \d+)$/);
});
