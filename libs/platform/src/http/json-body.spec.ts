import { AppError } from '@agentfleet/errors';
import { parseJsonBody } from './json-body';

const RULES = { maxJsonDepth: 4, emptyJsonBody: 'object', nonObjectBody: 'validation_failed', deepJson: 'malformed_json' } as const;
const codeOf = (text: string, rules: Parameters<typeof parseJsonBody>[1] = RULES) => {
  try {
    parseJsonBody(Buffer.from(text), rules);
    return undefined;
  } catch (error) {
    return error instanceof AppError ? error.code : error;
  }
};

test('poisoned keys are found at any depth, harmless ones are not', () => {
  const rules = { ...RULES, maxJsonDepth: 8 };
  for (const text of [
    '{"__proto__":1}',
    '{"a":[{"__proto__":1}]}',
    '{"a":{"constructor":{"prototype":{}}}}',
    '{"a":{"constructor":{"x":1,"prototype":{}}}}',
    '{"\\u005f_proto__":1}',
    '{"\\u005f\\u005f\\u0070\\u0072\\u006f\\u0074\\u006f\\u005f\\u005f":1}',
    '{"a":{"c\\u006fnstructor":{"pr\\u006ftotype":{}}}}',
  ]) {
    expect([text, codeOf(text, rules)]).toEqual([text, 'malformed_json']);
    expect(() => parseJsonBody(Buffer.from(text), rules)).toThrow('the keys __proto__ and constructor.prototype are not allowed');
  }
  for (const text of [
    '{"constructor":"x","prototype":1,"a":{"constructor":{"x":1}}}',
    '{"a":"__proto__","b":["prototype"],"proto__type":1}',
    '{"a":{"constructor":[{"prototype":1}]}}',
    '{"constructor":{"a":{"prototype":1}}}',
  ]) expect([text, codeOf(text, rules)]).toEqual([text, undefined]);
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

test('a byte-order mark is ignored', () => {
  expect(parseJsonBody(Buffer.from('\uFEFF{"a":1}'), RULES)).toEqual({ a: 1 });
  expect(parseJsonBody(Buffer.from('\uFEFF'), RULES)).toEqual({});
  expect(codeOf('\uFEFF\uFEFF{}')).toBe('malformed_json');
});

test('a number that would change is refused by its path', () => {
  expect(() => parseJsonBody(Buffer.from('{"settings":{"channel":1090123456789012345}}'), RULES)).toThrow(/^settings\.channel is a number that .*: write it as text$/);
});

test('keys are limited per object, in all, and by the route', () => {
  const object = (count: number) => `{${Array.from({ length: count }, (_, i) => `"${i}":0`).join()}}`;
  expect(codeOf(object(10_000))).toBeUndefined();
  expect(() => parseJsonBody(Buffer.from(object(10_001)), RULES)).toThrow(/^body must have at most 10000 keys$/);
  expect(() => parseJsonBody(Buffer.from(`{"a":${object(10_001)}}`), RULES)).toThrow('a must have at most 10000 keys');
  expect(() => parseJsonBody(Buffer.from(`{"a":[${Array(11).fill(object(10_000)).join()}]}`), RULES)).toThrow('body must have at most 100000 keys, objects and lists in all');
  expect(() => parseJsonBody(Buffer.from(object(200_000)), RULES, 200_001)).not.toThrow();
  expect(codeOf(`{"a":[${Array(100_000).fill('[]').join()}]}`)).toBe('validation_failed');
});

test('an error never quotes the body', () => {
  expect(() => parseJsonBody(Buffer.from('{"password":"hunter2"'), RULES)).toThrow('Invalid JSON: unexpected end of input');
  expect(() => parseJsonBody(Buffer.from('hunter2'), RULES)).toThrow(/^Invalid JSON: (not valid JSON|unexpected character at position \d+)$/);
});
