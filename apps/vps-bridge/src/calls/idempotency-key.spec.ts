import { canonicalJson, readIdempotencyKey } from './idempotency-key';

describe('the fingerprint of a request', () => {
  it('is the same for equal JSON, whatever the order of keys', () => {
    expect(canonicalJson({ b: [1, { d: null, c: 'x' }], a: true })).toBe(canonicalJson({ a: true, b: [1, { c: 'x', d: null }] }));
    expect(canonicalJson({ a: 1 })).not.toBe(canonicalJson({ a: '1' }));
    expect(canonicalJson([1, 2])).not.toBe(canonicalJson([2, 1]));
  });

  it('tells routes apart', () => {
    const hash = (route: 'call' | 'call/async') => readIdempotencyKey('k', route, { a: 1 })?.hash;
    expect(hash('call')).not.toBe(hash('call/async'));
    expect(readIdempotencyKey(undefined, 'call', {})).toBeNull();
  });

  it.each(['', 'a'.repeat(256), 'ü', 'a\tb'])('refuses %j', (key) => {
    expect(() => readIdempotencyKey(key, 'call', {})).toThrow('Idempotency-Key');
  });
});
