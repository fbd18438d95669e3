interface Waiting<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

const MAX_ITEMS = 256;
/** Nobody waits longer for the run before: when the database is away each run takes until its time limit. */
const MAX_WAIT_MS = 100;

/**
 * Does the same work for many callers at once: one run at a time (more only when one hangs), and what comes meanwhile goes
 * into the next one. A run never holds an item that came after its start, so that what it reads is never older than the
 * question.
 */
export class Batched<Item, Result> {
  private waiting: Waiting<Item, Result>[] = [];
  private running = 0;
  private impatience: NodeJS.Timeout | undefined;

  /** `work` answers each item at its place; when it throws, all items of that run have failed. */
  constructor(private readonly work: (items: readonly Item[]) => Promise<readonly Result[]>) {}

  add(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ item, resolve, reject });
      if (this.running === 0) this.start();
      else this.impatience ??= setTimeout(() => this.start(), MAX_WAIT_MS);
    });
  }

  private start(): void {
    this.running++;
    setImmediate(() => void this.run()); // with all that the same turn of the event loop brings
  }

  private async run(): Promise<void> {
    while (this.waiting.length > 0) {
      clearTimeout(this.impatience);
      this.impatience = undefined;
      const batch = this.waiting.splice(0, MAX_ITEMS);
      try {
        const results = await this.work(batch.map(({ item }) => item));
        batch.forEach(({ resolve }, index) => resolve(results[index] as Result)); // one for each item, as promised
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.running--;
  }
}
