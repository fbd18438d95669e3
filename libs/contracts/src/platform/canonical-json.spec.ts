import fc from 'fast-check';
import { canonicalJson } from './canonical-json';
import type { JsonValue } from './json';

const parsed = (text: string): JsonValue => JSON.parse(text); // what a body is

it('does not depend on the order of members, at any depth', () => {
  expect(canonicalJson(parsed('{"b":2,"a":[{"d":1,"c":null}]}'))).toBe('{"a":[{"c":null,"d":1}],"b":2}');
  expect(canonicalJson({ a: 1, b: 2 })).toBe(canonicalJson({ b: 2, a: 1 }));
});

it('sorts by code unit, numbers too, and keeps odd names', () => {
  expect(canonicalJson(parsed('{"10":1,"9":2,"é":3,"Z":4,"a":5,"":6,"__proto__":7,"😀":8,"\\uffee":9}'))).toBe(
    '{"":6,"10":1,"9":2,"Z":4,"__proto__":7,"a":5,"é":3,"😀":8,"\uffee":9}',
  );
});

it('keeps the order of lists, leaves undefined members out, and writes numbers as JSON does', () => {
  expect(canonicalJson([2, 1, { x: undefined }])).toBe('[2,1,{}]');
  expect(canonicalJson([1e21, -0, 1.0, 0.1])).toBe('[1e+21,0,1,0.1]');
});

it('reads back as the same value, from whatever order', () => {
  const shuffled = (value: JsonValue): JsonValue =>
    Array.isArray(value) ? value.map(shuffled) : typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value).reverse().map(([name, member]) => [name, shuffled(member ?? null)])) : value;
  fc.assert(
    fc.property(fc.json(), (text) => {
      const canonical = canonicalJson(parsed(text));
      expect(parsed(canonical)).toEqual(parsed(JSON.stringify(parsed(text))));
      expect(canonicalJson(shuffled(parsed(text)))).toBe(canonical);
    }),
  );
});
