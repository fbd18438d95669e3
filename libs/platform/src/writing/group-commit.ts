import { AppError } from '@agentfleet/errors';
import { inTime } from '../in-time';

const OVERDUE_CHECK_MS = 500;

/** Answers single items of a group before the whole group is done. */
export interface Answers<Result> {
  resolve(index: number, result: Result): void;
  reject(index: number, error: unknown): void;
}

export interface GroupCommitOptions<Item, Result> {
  /**
   * Makes a group durable; returns one result for each item, at its place. When it throws, every item of the group that was not
   * answered has failed. A group never holds an item that came after its start, so what it reads is never older than the question.
   */
  readonly commit: (items: readonly Item[], answers: Answers<Result>) => Promise<readonly Result[]>;
  /** A group takes items up to this weight, and always at least one. */
  readonly maxWeight: number;
  /** Default: 1 for every item. */
  readonly weightOf?: (item: Item) => number;
  /** More weight than this waiting: further items are refused with `overloaded`. Default 100,000. */
  readonly maxWaiting?: number;
  /** A group that takes longer (a database that hangs) does not hold back those behind it: another one starts beside it. Default: never. */
  readonly patienceMs?: number;
  /**
   * A lone item waits for the end of the event loop's turn, so that all that comes from the network with it goes into its group. Only
   * with `patienceMs`, or when `commit` has a time limit of its own: when connections to MongoDB break in this very turn, its driver may never answer what begins at its end.
   * Default: a group begins as soon as the code that adds its items has run.
   */
  readonly gathersTurn?: boolean;
  /** A commit that is not answered by then has failed, and the next group begins. Default 45 s. */
  readonly hungAfterMs?: number;
  /** Items whose time is over are refused with `storage_unavailable`, waiting or under way; they may be written all the same. */
  readonly isOverdue?: (item: Item) => boolean;
}

interface Entry<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Makes many small things durable together: one commit at a time, and what arrives meanwhile goes into the next. A lone item
 * starts at once.
 */
export class GroupCommit<Item, Result = void> {
  private readonly waiting: Entry<Item, Result>[] = [];
  private waitingWeight = 0;
  private readonly underWay = new Set<readonly Entry<Item, Result>[]>();
  private running = 0;
  private impatience: NodeJS.Timeout | undefined;
  private watch: NodeJS.Timeout | undefined;
  private tail: Promise<unknown> = Promise.resolve();
  private readonly idle: (() => void)[] = [];

  constructor(private readonly options: GroupCommitOptions<Item, Result>) {}

  /** Resolves when the item is durable. @throws what the commit throws; AppError `overloaded`, `storage_unavailable` */
  add(item: Item): Promise<Result> {
    const weight = this.weightOf(item);
    if (this.waitingWeight + weight > (this.options.maxWaiting ?? 100_000)) return Promise.reject(new AppError('overloaded', { retryAfterSeconds: 1 }));
    this.waitingWeight += weight;
    return new Promise((resolve, reject) => {
      this.waiting.push({ item, resolve, reject });
      if (this.options.isOverdue) this.watch ??= setInterval(() => this.rejectOverdue(), OVERDUE_CHECK_MS).unref();
      if (this.running === 0) this.start();
      else this.beImpatient();
    });
  }

  /** Runs other writes to the same documents between two groups, so that they do not make each other start again. @throws as `add` when they hang */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    const result = this.tail.then(() => inTime(work(), this.options.hungAfterMs));
    this.tail = result.catch(() => undefined);
    return result;
  }

  /** Weight of what waits for its group. */
  get load(): number {
    return this.waitingWeight;
  }

  /** Resolves when nothing waits and nothing is under way. */
  drained(): Promise<void> {
    if (this.running === 0) return Promise.resolve();
    return new Promise((resolve) => this.idle.push(resolve));
  }

  private weightOf(item: Item): number {
    return this.options.weightOf?.(item) ?? 1;
  }

  private beImpatient(): void {
    if (this.options.patienceMs !== undefined) this.impatience ??= setTimeout(() => this.start(), this.options.patienceMs);
  }

  private start(): void {
    clearTimeout(this.impatience);
    this.impatience = undefined;
    this.running++;
    const work = () => void this.work();
    if (this.options.gathersTurn === true) setImmediate(work);
    else queueMicrotask(work);
  }

  private async work(): Promise<void> {
    for (let group = this.takeGroup(); group.length > 0; group = this.takeGroup()) {
      this.underWay.add(group);
      await this.commit(group);
      this.underWay.delete(group);
    }
    this.running--;
    if (this.running > 0) return;
    clearInterval(this.watch);
    this.watch = undefined;
    for (const resolve of this.idle.splice(0)) resolve();
  }

  private takeGroup(): readonly Entry<Item, Result>[] {
    clearTimeout(this.impatience);
    this.impatience = undefined;
    let weight = 0;
    let count = 0;
    for (const { item } of this.waiting) {
      const more = this.weightOf(item);
      if (count > 0 && weight + more > this.options.maxWeight) break;
      weight += more;
      count++;
    }
    this.waitingWeight -= weight;
    const group = this.waiting.splice(0, count);
    if (this.waiting.length > 0) this.beImpatient();
    return group;
  }

  private async commit(group: readonly Entry<Item, Result>[]): Promise<void> {
    const answers: Answers<Result> = {
      resolve: (index, result) => group[index]?.resolve(result),
      reject: (index, error) => group[index]?.reject(error),
    };
    const items = group.map(({ item }) => item);
    const { patienceMs, hungAfterMs } = this.options;
    const commit = () => this.options.commit(items, answers);
    try {
      // two groups run beside each other only where that is asked for
      const results = await (patienceMs === undefined ? this.exclusive(commit) : inTime(commit(), hungAfterMs));
      group.forEach(({ resolve }, index) => resolve(results[index] as Result)); // one for each item, as promised
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
  }

  private rejectOverdue(): void {
    for (const { item, reject } of [...this.underWay, this.waiting].flat()) {
      if (this.options.isOverdue?.(item)) reject(new AppError('storage_unavailable'));
    }
  }
}
