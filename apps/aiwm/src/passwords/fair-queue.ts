import { AppError } from '@agentfleet/errors';

interface Waiting {
  readonly start: () => void;
  readonly refuse: (error: AppError) => void;
}

interface QueueLimits {
  /** Pieces of work at a time. */
  readonly running: number;
  /** Pieces that may wait, of all sources together. */
  readonly waiting: number;
}

const MAX_RETRY_AFTER_S = 5;

/**
 * Costly work, a few pieces at a time. Sources take turns: whoever has one piece waits for at most one of every other
 * source, however many those have. When it is full, the source that has most waiting gives way.
 */
export class FairQueue {
  /** Sources with waiting work, in the order of their turns. */
  private readonly lanes = new Map<string, Waiting[]>();
  private running = 0;
  private waitingCount = 0;
  private isClosed = false;

  constructor(
    private readonly limits: QueueLimits,
    private readonly random: () => number,
  ) {}

  get waiting(): number {
    return this.waitingCount;
  }

  /** @throws AppError `overloaded` when too much waits, `draining` once closed; what the work throws */
  async run<T>(source: string, work: () => Promise<T>): Promise<T> {
    if (this.isClosed) throw new AppError('draining');
    if (this.running < this.limits.running) this.running++;
    else await this.turn(source);
    try {
      return await work();
    } finally {
      this.next();
    }
  }

  /** Refuses what waits and what comes. */
  close(): void {
    this.isClosed = true;
    for (const waiting of [...this.lanes.values()].flat()) waiting.refuse(new AppError('draining'));
    this.lanes.clear();
    this.waitingCount = 0;
  }

  private turn(source: string): Promise<void> {
    const lane = this.lanes.get(source) ?? [];
    if (this.waitingCount >= this.limits.waiting) this.makeRoom(lane.length);
    return new Promise<void>((start, refuse) => {
      lane.push({ start, refuse });
      this.lanes.set(source, lane); // only now: a source that has nothing waiting has no turn
      this.waitingCount++;
    });
  }

  /** @throws AppError `overloaded` when nobody else has more waiting than the one who comes would */
  private makeRoom(ownLength: number): void {
    const [source, longest] = [...this.lanes].reduce((most, entry) => (entry[1].length > most[1].length ? entry : most), ['', [] as Waiting[]]);
    if (longest.length <= ownLength + 1) throw this.overloaded();
    longest.pop()?.refuse(this.overloaded());
    this.waitingCount--;
    if (longest.length === 0) this.lanes.delete(source);
  }

  /** The place is handed over, or free. */
  private next(): void {
    const [first] = this.lanes;
    if (!first) {
      this.running--;
      return;
    }
    const [source, lane] = first;
    this.lanes.delete(source);
    const waiting = lane.shift();
    if (lane.length > 0) this.lanes.set(source, lane); // behind all others
    this.waitingCount--;
    waiting?.start();
  }

  private overloaded(): AppError {
    const retryAfterSeconds = 1 + Math.floor(this.random() * MAX_RETRY_AFTER_S);
    return new AppError('overloaded', { retryAfterSeconds, message: 'Too many password checks are waiting' });
  }
}
