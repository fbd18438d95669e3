import { asAppError, GroupCommit, inTime, type Clock } from '@agentfleet/platform';
import type { RunCommit } from './run.repository';

/** The lease is lost: whoever hears this stops silently. */
export class LeaseLost extends Error {}

/** The journal of one run, as the loop sees it. */
export interface CommitSource<Entry> {
  /** What these entries come to; asked for once, right before they are written. @throws LeaseLost */
  prepare(entries: readonly Entry[]): RunCommit;
  committed(commit: RunCommit, seconds: number): void;
  /** An attempt failed; it is tried again, or not. */
  failed(error: unknown): void;
  /** False as soon as the lease is too old to go on trying. */
  mayRetry(): boolean;
}

export interface RunCommitsPorts {
  /** Writes the commits of several runs; says of each whether it counts. Writing one again does no harm. */
  commit(commits: readonly RunCommit[]): Promise<readonly ('committed' | 'fenced')[]>;
  readonly clock: Pick<Clock, 'monotonicMs' | 'sleep'>;
}

const MAX_EVENTS_PER_GROUP = 500;
const RETRY_MS = 200;
/** What is not answered by then is written again: MongoDB's driver may never answer what begins while connections break. */
const COMMIT_LIMIT_MS = 3000;
/** A commit that MongoDB refuses for what is in it will be refused again. */
const MAX_REFUSALS = 3;
/** Longer than a lease lasts: whoever waits has given up by then. */
const HUNG_AFTER_MS = 10_000;

interface Item<Entry> {
  readonly source: CommitSource<Entry>;
  readonly entry: Entry;
}

interface OpenCommit<Entry> {
  readonly source: CommitSource<Entry>;
  readonly commit: RunCommit;
  readonly places: readonly number[];
}

interface Answer {
  resolve(places: readonly number[]): void;
  reject(places: readonly number[], error: unknown): void;
}

/**
 * The one loop in which this process writes the events of all its runs: what they say while a group is written goes into the next
 * one, and each run's share of a group is one commit of that run.
 */
export class RunCommits<Entry extends { readonly events: readonly unknown[] }> {
  private readonly groups: GroupCommit<Item<Entry>, undefined>;

  constructor(private readonly ports: RunCommitsPorts) {
    this.groups = new GroupCommit<Item<Entry>, undefined>({
      commit: async (items, answers) => {
        await this.write(items, {
          resolve: (places) => places.forEach((place) => answers.resolve(place, undefined)),
          reject: (places, error) => places.forEach((place) => answers.reject(place, error)),
        });
        return items.map(() => undefined);
      },
      maxWeight: MAX_EVENTS_PER_GROUP,
      weightOf: ({ entry }) => entry.events.length,
      // what a model says at once, a text and the calls behind it, comes within one turn and is one commit
      gathersTurn: true,
      hungAfterMs: HUNG_AFTER_MS,
    });
  }

  /** Resolves when the entry, and everything that its run said before, is durable. @throws LeaseLost */
  async add(source: CommitSource<Entry>, entry: Entry): Promise<void> {
    await this.groups.add({ source, entry });
  }

  private async write(items: readonly Item<Entry>[], answer: Answer): Promise<void> {
    await this.writeAll(this.prepare(items, answer), answer);
  }

  private prepare(items: readonly Item<Entry>[], answer: Answer): OpenCommit<Entry>[] {
    const bySource = new Map<CommitSource<Entry>, number[]>();
    items.forEach(({ source }, place) => {
      const places = bySource.get(source);
      if (places) places.push(place);
      else bySource.set(source, [place]);
    });
    return [...bySource].flatMap(([source, places]) => {
      try {
        const entries = places.flatMap((place) => items[place]?.entry ?? []);
        return [{ source, places, commit: source.prepare(entries) }];
      } catch (error) {
        answer.reject(places, error);
        return [];
      }
    });
  }

  /** While MongoDB is away the same commits are tried again, each until its lease is over; then others will go on with its run. */
  private async writeAll(prepared: readonly OpenCommit<Entry>[], answer: Answer): Promise<void> {
    let open = prepared;
    let refusals = 0;
    while (open.length > 0) {
      const startedAt = this.ports.clock.monotonicMs();
      try {
        const outcomes = await inTime(this.ports.commit(open.map(({ commit }) => commit)), COMMIT_LIMIT_MS);
        return this.conclude(open, outcomes, (this.ports.clock.monotonicMs() - startedAt) / 1000, answer);
      } catch (error) {
        open.forEach(({ source }) => source.failed(error));
        const isAway = asAppError(error)?.code === 'storage_unavailable';
        // what only one of them is guilty of must not end the others
        if (open.length > 1 && !isAway) return void (await Promise.all(open.map((one) => this.writeAll([one], answer))));
        if (!isAway) refusals++;
        open = open.filter(({ source, places }) => {
          if (source.mayRetry() && refusals < MAX_REFUSALS) return true;
          answer.reject(places, new LeaseLost('The journal could not be written', { cause: error }));
          return false;
        });
        if (open.length > 0) await this.ports.clock.sleep(RETRY_MS);
      }
    }
  }

  private conclude(written: readonly OpenCommit<Entry>[], outcomes: readonly ('committed' | 'fenced')[], seconds: number, answer: Answer): void {
    written.forEach(({ source, commit, places }, at) => {
      if (outcomes[at] !== 'committed') return answer.reject(places, new LeaseLost());
      try {
        source.committed(commit, seconds);
      } catch (error) {
        source.failed(error); // it is durable all the same
      }
      answer.resolve(places);
    });
  }
}
