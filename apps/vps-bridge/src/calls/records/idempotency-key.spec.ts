import { canonicalJson, readIdempotencyKey } from './idempotency-key';

describe('the fingerprint of a request', () => {
  it('is the same for equal JSON, whatever the order of keys', () => {
    expect(canonicalJson({ b: [1, { d: null, c: 'x' }], a: true })).toBe(canonicalJson({ a: true, b: [1, { c: 'x', d: null }] }));
    expect(canonicalJson({ a: 1 })).not.toBe(canonicalJson({ a: '1' }));
    expect(canonicalJson({ 10: 1, 2: [{ z: 1, b: {} }], a: '' })).toBe(canonicalJson({ a: '', 2: [{ b: {}, z: 1 }], 10: 1 }));
    expect(canonicalJson({ b: 1, a: [2, { d: 3, c: 4 }] })).toBe('{"a":[2,{"c":4,"d":3}],"b":1}');
    expect(canonicalJson([1, 2])).not.toBe(canonicalJson([2, 1]));
  });

  it('tells routes apart', () => {
    const hash = (route: 'call' | 'call/async') => readIdempotencyKey('k', route, { a: 1 })?.hash;
    expect(hash('call')).not.toBe(hash('call/async'));
    expect(readIdempotencyKey(undefined, 'call', {})).toBeUndefined();
  });

  it.each(['', 'a'.repeat(256), 'ü', 'a\tb'])('refuses %j', (key) => {
    expect(() => readIdempotencyKey(key, 'call', {})).toThrow('Idempotency-Key');
  });
});
