import { AppError } from '@agentfleet/errors';
import type { Lifecycle } from '../lifecycle';
import type { RecurringWork } from '../recurring-work';
import { inTime } from '../in-time';

export interface LatestWriterOptions<Fact> {
  /** Names the work in the log and the metrics. */
  readonly name: string;
  /** A fact is written at most this much later, plus the time of a write under way. */
  readonly periodMs: number;
  /** Facts in one write; default 1000. */
  readonly maxBatch?: number;
  /** More keys than this waiting (the database is away for long): further ones are refused with `overloaded`. Default 100,000. */
  readonly maxWaiting?: number;
  /** One write of many facts. When it throws, all of them are written again, each as it is by then. */
  readonly write: (facts: readonly Fact[]) => Promise<void>;
  /** A write that is not answered by then has failed, and is done again. Default 45 s. */
  readonly hungAfterMs?: number;
  /** What is to be written when a newer fact meets one that still waits; default: the newer one. */
  readonly merge?: (older: Fact, newer: Fact) => Fact;
}

/**
 * High-rate facts of which only the newest per key counts: acknowledged at once, written in batches soon. While the database is
 * away they wait here; at shutdown what waits is written, also what the last requests bring.
 */
export class LatestWriter<Fact> {
  private readonly waiting = new Map<string, Fact>();
  private readonly recurring: RecurringWork;

  constructor(
    lifecycle: Lifecycle,
    private readonly options: LatestWriterOptions<Fact>,
  ) {
    this.recurring = lifecycle.every(options.name, options.periodMs, () => this.write(), { during: 'always', lastRun: true });
    lifecycle.onDrain(options.name, () => this.flush());
  }

  /** @throws AppError `overloaded` when too much waits */
  put(key: string, fact: Fact): void {
    const older = this.waiting.get(key);
    if (older === undefined && this.waiting.size >= (this.options.maxWaiting ?? 100_000)) throw new AppError('overloaded', { retryAfterSeconds: 1 });
    this.waiting.set(key, older === undefined || !this.options.merge ? fact : this.options.merge(older, fact));
  }

  /** What is not known to be written yet, for reads that overlay it; a write under way counts as not written. */
  get(key: string): Fact | undefined {
    return this.waiting.get(key);
  }

  delete(key: string): void {
    this.waiting.delete(key);
  }

  get size(): number {
    return this.waiting.size;
  }

  /** Writes what waits now; never rejects: what cannot be written stays. */
  flush(): Promise<void> {
    return this.recurring.run();
  }

  private async write(): Promise<void> {
    const entries = [...this.waiting];
    const maxBatch = this.options.maxBatch ?? 1000;
    for (let at = 0; at < entries.length; at += maxBatch) {
      const batch = entries.slice(at, at + maxBatch);
      await inTime(this.options.write(batch.map(([, fact]) => fact)), this.options.hungAfterMs);
      // what came meanwhile is another object, and stays
      for (const [key, fact] of batch) if (this.waiting.get(key) === fact) this.waiting.delete(key);
    }
  }
}
