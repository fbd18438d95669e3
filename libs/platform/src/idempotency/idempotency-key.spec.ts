import { fingerprintOf, IDEMPOTENCY_KEY_RULE, requireSameRequest } from './idempotency-key';

test('the same request has the same fingerprint, whatever the order of members; any other has another', () => {
  const first = fingerprintOf('POST', '/things', { a: 1, b: { c: [1, 2], d: null } });
  expect(fingerprintOf('POST', '/things', { b: { d: null, c: [1, 2] }, a: 1 })).toBe(first);
  const others = [
    fingerprintOf('PUT', '/things', { a: 1, b: { c: [1, 2], d: null } }),
    fingerprintOf('POST', '/things', { a: 1, b: { c: [2, 1], d: null } }),
    fingerprintOf('POST', '/things', { a: '1', b: { c: [1, 2], d: null } }),
    fingerprintOf('POST', '/things', { a: 1, b: { c: [1, 2] } }),
    fingerprintOf('POST/things', { a: 1, b: { c: [1, 2], d: null } }),
  ];
  expect(new Set([first, ...others]).size).toBe(6);
  expect(first).toMatch(/^[0-9a-f]{64}$/);
});

test('a key used for another request is a mistake of its caller', () => {
  expect(() => requireSameRequest('a', 'a')).not.toThrow();
  expect(() => requireSameRequest('a', 'b')).toThrow(expect.objectContaining({ code: 'idempotency_mismatch', status: 422 }));
});

test.each([
  ['order-4711', true],
  ['x'.repeat(255), true],
  ['', false],
  ['x'.repeat(256), false],
  ['ä', false],
  ['a\nb', false],
])('%j is a key: %s', (key, isKey) => expect(IDEMPOTENCY_KEY_RULE.accepts(key)).toBe(isKey));
