import { LRUCache } from 'lru-cache';

/** Counts events per key in fixed windows, in this process; bounded memory. */
export class FailureLimiter {
  private readonly windows: LRUCache<string, { count: number; endsAt: number }>;

  constructor(
    private readonly limit: number,
    private readonly windowMs = 60_000,
  ) {
    this.windows = new LRUCache({ max: 50_000, ttl: windowMs });
  }

  /** For how many whole seconds the key is over its limit; 0 when it is not. Counts nothing. */
  blockedFor(key: string): number {
    const window = this.windows.get(key);
    const now = performance.now();
    if (!window || window.endsAt <= now || window.count < this.limit) return 0;
    return Math.max(1, Math.ceil((window.endsAt - now) / 1000));
  }

  /** How many were counted in the present window. */
  countOf(key: string): number {
    const window = this.windows.get(key);
    return window && window.endsAt > performance.now() ? window.count : 0;
  }

  /** Counts one and says after how many whole seconds the window ends when the limit is passed, else 0. */
  count(key: string): number {
    const now = performance.now();
    let window = this.windows.get(key);
    if (!window || window.endsAt <= now) {
      window = { count: 0, endsAt: now + this.windowMs };
      this.windows.set(key, window);
    }
    window.count++;
    return window.count > this.limit ? Math.max(1, Math.ceil((window.endsAt - now) / 1000)) : 0;
  }
}
