import { LRUCache } from 'lru-cache';

export interface DirectoryOptions<Ask extends object, Value extends object, Key extends object = Ask> {
  /** The entry that a question means. */
  readonly keyOf: (ask: Ask | Key) => string;
  /** Reads it; undefined for what does not exist, which is never remembered. */
  readonly load: (ask: Ask) => Promise<Value | undefined>;
  readonly maxEntries: number;
  /** Nothing is handed out that was read longer ago, however the bus fares. */
  readonly maxAgeMs: number;
  /** From this age on a use reads anew in the background, so that what is used often never waits for the database. Default: never. */
  readonly refreshAgeMs?: number;
  /** What to remember when a read meets an entry that is there; default: what was read. `readAtMs` is monotonic, at the start of the read. */
  readonly merge?: (loaded: Value, before: Value | undefined, readAtMs: number) => Value;
}

/** A read that finds nothing fails inside the cache: an entry that was dropped meanwhile would fail with an error of its own. */
const NOT_FOUND = new Error('There is no such entry');

/**
 * What is read for nearly every request, remembered for a short time: one read at a time for each entry, a hard age limit, dropped
 * at once by `forget` (called for changes here and by the notices of others). A read that began before a drop is not remembered.
 *
 * `Ask` has all that a read needs; `Key` is enough to name an entry.
 */
export class Directory<Ask extends object, Value extends object, Key extends object = Ask> {
  private readonly cache: LRUCache<string, Value, object>;

  constructor(private readonly options: DirectoryOptions<Ask, Value, Key>) {
    const { maxEntries, maxAgeMs } = options;
    this.cache = new LRUCache<string, Value, object>({
      max: maxEntries,
      ttl: maxAgeMs,
      ttlResolution: 0,
      noDeleteOnStaleGet: true, // `merge` may want it
      ignoreFetchAbort: true, // who asked before a drop gets what was read for him; it is only not remembered
      noDeleteOnFetchRejection: true, // a read in the background that fails leaves the entry to its age
      fetchMethod: async (key, _stale, { options: entry, context, signal }) => {
        const startedAtMs = performance.now();
        const loaded = await options.load(context as Ask); // `fetch` below hands it in
        entry.ttl = Math.max(1, maxAgeMs - (performance.now() - startedAtMs)); // its age begins with the read
        if (loaded === undefined) {
          if (!signal.aborted) this.cache.delete(key); // nor is what was known before
          throw NOT_FOUND;
        }
        return !options.merge ? loaded : options.merge(loaded, this.cache.peek(key, { allowStale: true }), startedAtMs);
      },
    });
  }

  /** At once what is fresh in memory, else a promise. @throws what `load` throws */
  get(ask: Ask): Value | Promise<Value | undefined> {
    const key = this.options.keyOf(ask);
    const known = this.cache.get(key);
    if (known === undefined) return this.fetch(key, ask, false);
    const { refreshAgeMs, maxAgeMs } = this.options;
    if (refreshAgeMs !== undefined && this.cache.getRemainingTTL(key) < maxAgeMs - refreshAgeMs) this.fetch(key, ask, true).catch(() => undefined);
    return known;
  }

  /** Reads anew, for uses that must not rely on notices; the entry in memory meets it in `merge`. @throws what `load` throws */
  refresh(ask: Ask): Promise<Value | undefined> {
    return this.fetch(this.options.keyOf(ask), ask, true);
  }

  /** What is in memory and fresh, or whatever is in memory; nothing is read. */
  peek(ask: Ask | Key, { allowStale = false } = {}): Value | undefined {
    return this.cache.peek(this.options.keyOf(ask), { allowStale });
  }

  /** Drops what is known, also what is being read just now. */
  forget(ask: Ask | Key): void {
    this.cache.delete(this.options.keyOf(ask));
  }

  private async fetch(key: string, context: Ask, forceRefresh: boolean): Promise<Value | undefined> {
    try {
      return await this.cache.fetch(key, { context, forceRefresh });
    } catch (error) {
      if (error === NOT_FOUND) return undefined;
      throw error;
    }
  }
}
