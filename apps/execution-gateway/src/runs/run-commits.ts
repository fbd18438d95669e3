import { GroupCommit, isStorageUnavailable, type Clock } from '@agentfleet/platform';
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
    while (open.length > 0) {
      const startedAt = this.ports.clock.monotonicMs();
      try {
        const outcomes = await this.ports.commit(open.map(({ commit }) => commit));
        const seconds = (this.ports.clock.monotonicMs() - startedAt) / 1000;
        open.forEach(({ source, commit, places }, at) => {
          if (outcomes[at] !== 'committed') return answer.reject(places, new LeaseLost());
          source.committed(commit, seconds);
          answer.resolve(places);
        });
        return;
      } catch (error) {
        open.forEach(({ source }) => source.failed(error));
        // what only one of them is guilty of must not end the others
        if (open.length > 1 && !isStorageUnavailable(error)) return void (await Promise.all(open.map((one) => this.writeAll([one], answer))));
        open = open.filter(({ source, places }) => {
          if (source.mayRetry()) return true;
          answer.reject(places, new LeaseLost('The journal could not be written in time', { cause: error }));
          return false;
        });
        if (open.length > 0) await this.ports.clock.sleep(RETRY_MS);
      }
    }
  }
}
