/**
 * Counts exactly and uncached: whoever asks gets a count that began after they asked, and all who wait share one.
 * The last known number is kept for the time when storage does not answer.
 */
export class SessionCount {
  private lastKnown = 0;
  private present: Promise<number> | undefined;
  private next: Promise<number> | undefined;

  constructor(private readonly count: () => Promise<number>) {}

  /** Rejects when it cannot be counted. */
  async now(): Promise<number> {
    if (this.present) return (this.next ??= this.afterPresent(this.present));
    return this.begin();
  }

  get last(): number {
    return this.lastKnown;
  }

  private async afterPresent(present: Promise<number>): Promise<number> {
    await present.catch(() => undefined);
    this.next = undefined;
    return this.begin();
  }

  private begin(): Promise<number> {
    const counting = this.count().then((count) => (this.lastKnown = count));
    this.present = counting;
    const done = (): void => {
      if (this.present === counting) this.present = undefined;
    };
    counting.then(done, done);
    return counting;
  }
}
