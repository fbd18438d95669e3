import * as fc from 'fast-check';
import { findJsonFault, survivesAsDouble, withoutByteOrderMark } from './json-scan';

const LIMITS = { depth: 64, keysPerObject: 5, keys: 40 };
const faultOf = (text: string, limits = LIMITS) => findJsonFault(Buffer.from(text), limits);

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

function keysOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const own = 1 + (Array.isArray(value) ? 0 : Object.keys(value).length);
  return own + Object.values(value).reduce<number>((sum, inner) => sum + keysOf(inner), 0);
}

const unlimited = { depth: 1000, keysPerObject: 1e9, keys: 1e9 };

test('depth is measured as the parser would, brackets in strings ignored', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 8 }), fc.integer({ min: 0, max: 10 }), (value, limit) => {
      const fault = faultOf(JSON.stringify(value), { ...unlimited, depth: limit });
      expect(fault?.kind === 'too_deep').toBe(depthOf(value) > limit);
    }),
  );
  expect(faultOf('['.repeat(200_000), { ...unlimited, depth: 64 })).toEqual({ kind: 'too_deep', path: '', limit: 64 });
});

test('keys, objects and lists are counted as the parser would', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), fc.integer({ min: 0, max: 12 }), (value, limit) => {
      const fault = faultOf(JSON.stringify(value), { ...unlimited, keys: limit });
      expect(fault?.kind === 'too_many_keys').toBe(keysOf(value) > limit);
    }),
  );
});

test('an object with too many keys is named', () => {
  const keys = (count: number) => `{${Array.from({ length: count }, (_, i) => `"k${i}":[{}]`).join()}}`;
  expect(faultOf(keys(5))).toBeUndefined();
  expect(faultOf(keys(6))).toEqual({ kind: 'too_many_keys', path: '', limit: 5 });
  expect(faultOf(`{"a":[1,{"b\\"c":${keys(6)}}]}`)).toEqual({ kind: 'too_many_keys', path: 'a[1].b"c', limit: 5 });
  expect(faultOf(`[${keys(5)},${keys(5)},${keys(5)}]`)).toEqual({ kind: 'too_many_keys', path: '', limit: 40, isTotal: true });
});

test.each([
  ['9007199254740991', true],
  ['9007199254740992', true],
  ['9007199254740993', false],
  ['-9007199254740993', false],
  ['9007199254740993.0', false],
  ['1764295200123456789', false],
  ['1090000000000000000000', true],
  ['18446744073709551615', false],
  ['1e22', true],
  ['1E+22', true],
  ['123456789012345678e3', false],
  ['1e400', false],
  ['-1e400', false],
  ['1e-400', false],
  ['0e999', true],
  ['0.0', true],
  ['-0', true],
  ['1.7976931348623157e308', true],
  ['5e-324', true],
  ['0.1000000000000000055511151231257827', true],
  ['3.14159265358979323846', true],
  [`1${'0'.repeat(300)}`, true],
  [`1${'0'.repeat(500_000)}1`, false],
])('%s survives: %s', (literal, survives) => expect(survivesAsDouble(literal)).toBe(survives));

test('whatever JavaScript writes survives', () => {
  fc.assert(fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => survivesAsDouble(JSON.stringify(value))));
});

test('a number that would change is named by its path; in the outermost object its field has a check of its own', () => {
  expect(faultOf('{"settings":{"discord":{"channels":[1,1090123456789012345]}}}')).toEqual({ kind: 'inexact_number', path: 'settings.discord.channels[1]' });
  expect(faultOf('{"a":[[1e400]]}')).toEqual({ kind: 'inexact_number', path: 'a[0][0]' });
  expect(faultOf('{"a":{"\\ud83d\\ude00":1e400}}')).toEqual({ kind: 'inexact_number', path: 'a.😀' });
  expect(faultOf('{"limit":1e400}')).toBeUndefined();
  expect(faultOf('{"a":{"text":"1e400 9007199254740993"}}')).toBeUndefined();
  expect(faultOf('{"a":[1.5,-2,3e2,{"b":0}]}')).toBeUndefined();
});

test('never throws and ends, whatever the bytes', () => {
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom('{', '}', '[', ']', '"', '\\', ':', ',', '1', 'e', '-', '9'.repeat(20)) }), (text) => void faultOf(text)));
});

test('a byte-order mark is dropped once', () => {
  expect(withoutByteOrderMark(Buffer.from('\uFEFF{}')).toString()).toBe('{}');
  expect(withoutByteOrderMark(Buffer.from('{}')).toString()).toBe('{}');
  expect(withoutByteOrderMark(Buffer.alloc(0))).toHaveLength(0);
});
