import { TokenBuckets } from './rate-limit';

describe('TokenBuckets', () => {
  it('allows a burst of twice the rate, then the rate, each caller alone', () => {
    let now = 0;
    const buckets = new TokenBuckets(10, () => now);
    for (let n = 0; n < 20; n++) expect(buckets.take('a')).toBe(0);
    expect(buckets.take('a')).toBe(1);
    expect(buckets.take('b')).toBe(0);
    now = 100;
    expect(buckets.take('a')).toBe(0);
    expect(buckets.take('a')).toBe(1);
    now = 60_000;
    for (let n = 0; n < 20; n++) expect(buckets.take('a')).toBe(0);
    expect(buckets.take('a')).toBe(1);
  });
});
