import { readIdempotencyKey } from './idempotency-key';

describe('the fingerprint of a request', () => {
  const hash = (body: unknown, route: 'call' | 'call/async' = 'call') => readIdempotencyKey('k', route, body)?.hash;

  it('is the same for equal JSON, whatever the order of keys', () => {
    expect(hash({ b: [1, { d: null, c: 'x' }], a: true })).toBe(hash({ a: true, b: [1, { c: 'x', d: null }] }));
    expect(hash({ a: 1 })).not.toBe(hash({ a: '1' }));
    expect(hash({ 10: 1, 2: [{ z: 1, b: {} }], a: '' })).toBe(hash({ a: '', 2: [{ b: {}, z: 1 }], 10: 1 }));
    expect(hash([1, 2])).not.toBe(hash([2, 1]));
  });

  it('tells routes apart', () => {
    expect(hash({ a: 1 }, 'call')).not.toBe(hash({ a: 1 }, 'call/async'));
    expect(readIdempotencyKey(undefined, 'call', {})).toBeUndefined();
  });

  it.each(['', 'a'.repeat(256), 'ü', 'a\tb'])('refuses %j', (key) => {
    expect(() => readIdempotencyKey(key, 'call', {})).toThrow('Idempotency-Key');
  });
});
