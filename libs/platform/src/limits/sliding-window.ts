import { LRUCache } from 'lru-cache';

interface Times {
  /** Milliseconds, oldest first; those before `first` are dropped. */
  readonly at: number[];
  first: number;
}

/** The list is shortened when so many of its entries are dropped ones: copying it for every event would cost more than counting. */
const DROPPED_AT_MOST = 64;

/** Counts events per key within a sliding window, in this process; bounded memory. */
export class SlidingWindow {
  private readonly keys: LRUCache<string, Times>;

  /** @param nowMs any clock, the same for all calls */
  constructor(
    private readonly windowMs: number,
    private readonly nowMs: () => number,
    maxKeys = 50_000,
  ) {
    this.keys = new LRUCache({ max: maxKeys });
  }

  /** Counts one event; of more than `limit` in the window the newest are kept. */
  add(key: string, limit: number): void {
    const times = this.timesOf(key) ?? { at: [], first: 0 };
    times.at.push(this.nowMs());
    if (times.at.length - times.first > limit) times.first++;
    this.keys.set(key, times);
  }

  /** Events in the window, at most the limit that they were counted with. */
  countOf(key: string): number {
    const times = this.timesOf(key);
    return times ? times.at.length - times.first : 0;
  }

  /** For how many whole seconds the window has no room for another one; 0 when it has. Counts nothing. */
  blockedForSeconds(key: string, limit: number): number {
    const times = this.timesOf(key);
    const count = times ? times.at.length - times.first : 0;
    if (!times || count < limit) return 0;
    const freeAtMs = (times.at[times.at.length - limit] ?? 0) + this.windowMs;
    return Math.max(1, Math.ceil((freeAtMs - this.nowMs()) / 1000));
  }

  private timesOf(key: string): Times | undefined {
    const times = this.keys.get(key);
    if (!times) return undefined;
    const before = this.nowMs() - this.windowMs;
    while (times.first < times.at.length && (times.at[times.first] ?? 0) <= before) times.first++;
    if (times.first > DROPPED_AT_MOST) times.at.splice(0, times.first), (times.first = 0);
    if (times.at.length > times.first) return times;
    this.keys.delete(key);
    return undefined;
  }
}
