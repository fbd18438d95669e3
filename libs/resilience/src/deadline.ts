/** Time and chance as the core needs them; the shell hands in the real ones, specs a fake. */
export interface WaitClock {
  /** Milliseconds of a clock that does not go back; only differences count. */
  monotonicMs(): number;
  /** Resolves after `ms`; rejects when the signal fires first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** From 0 (included) to 1 (excluded). */
  random(): number;
}

/** The moment by which something has to be done, handed down to everything that it waits for. */
export class Deadline {
  private constructor(
    /** On the clock that made it, milliseconds. */
    readonly atMs: number,
    private readonly clock: Pick<WaitClock, 'monotonicMs'>,
  ) {}

  static after(durationMs: number, clock: Pick<WaitClock, 'monotonicMs'>): Deadline {
    return new Deadline(clock.monotonicMs() + durationMs, clock);
  }

  /** Never negative. */
  remainingMs(): number {
    return Math.max(0, this.atMs - this.clock.monotonicMs());
  }

  get isOver(): boolean {
    return this.clock.monotonicMs() >= this.atMs;
  }

  /** A part of this one: `limitMs` from now, and never later than this deadline. */
  within(limitMs: number): Deadline {
    const limited = this.clock.monotonicMs() + limitMs;
    return limited < this.atMs ? new Deadline(limited, this.clock) : this;
  }
}
