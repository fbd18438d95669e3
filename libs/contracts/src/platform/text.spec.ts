import { cutText, isLargerAsJson, isWellFormedJson, utf8Length, wellFormed, wellFormedObject } from './text';
import type { JsonValue } from './json';

it('cuts a text without leaving half a character', () => {
  for (let length = 0; length <= 6; length++) expect(isWellFormedJson(cutText('a😀b😀', length))).toBe(true);
  expect([1, 2, 3, 4, 5, 6].map((length) => cutText('a😀b😀', length))).toEqual(['a', 'a', 'a😀', 'a😀b', 'a😀b', 'a😀b😀']);
  expect(cutText('\ud83d\ud83d', 1)).toBe('\ufffd');
});

it('sees halves at any depth, in keys and texts', () => {
  const deep = (value: unknown): unknown => JSON.parse('[{"a":'.repeat(5000) + JSON.stringify(value) + '}]'.repeat(5000));
  expect(isWellFormedJson({ a: ['😀', { '😀': null }] })).toBe(true);
  for (const value of ['\ud83d', ['\ude00'], { a: '\ude00\ud83d' }, { '\ud83d': 1 }]) expect(isWellFormedJson(value)).toBe(false);
  expect(isWellFormedJson(deep('\ud83d') as never)).toBe(false); // what JSON.parse gives
});

it('mends halves and nothing else', () => {
  const whole = { a: '😀' };
  expect(wellFormedObject(whole)).toBe(whole);
  expect(wellFormedObject({ 'k\ud83d': ['\ude00', 1, null, { a: '😀' }] })).toEqual({ 'k\ufffd': ['\ufffd', 1, null, { a: '😀' }] });
  expect(wellFormed('a\ud83db😀')).toBe('a\ufffdb😀');
});

it('knows the size of a value as JSON to the byte', () => {
  const values: JsonValue[] = [{}, [], 'a', '\u0000"\\', '😀ä', -1.2345678901234567e-308, [1, [null, true], {}], { '\u0001': { 'é"': ['x', -5e-324, { deep: 'y'.repeat(50) }] } }, Array.from({ length: 40 }, () => false)];
  for (const value of values) {
    const bytes = utf8Length(JSON.stringify(value));
    expect([value, isLargerAsJson(value, bytes), isLargerAsJson(value, bytes - 1)]).toEqual([value, false, true]);
    expect([isLargerAsJson(value, Infinity), isLargerAsJson(value, 100_000)]).toEqual([false, false]);
  }
});
