import type { JsonObject } from '@agentfleet/contracts';
import { CLOCK, GroupCommit, asAppError, type Answers, type Clock } from '@agentfleet/platform';
import { retry, type Deadline } from '@agentfleet/resilience';
import { Inject, Injectable } from '@nestjs/common';
import type { MessageContent } from '../sessions/message.repository';
import { MessagePlacer, type SessionMessages } from '../sessions/message-placer';
import { SessionActivities } from '../sessions/session-activity';
import type { KnownSession } from '../sessions/session-directory';
import { CallRepository, type FinishedCall } from './records/call.repository';

/** What one call leaves behind. */
export interface CallRecord {
  readonly session: { readonly known: KnownSession; readonly messages: readonly MessageContent[]; readonly metadata: JsonObject | null } | null;
  /** For calls whose record was opened before they began. */
  readonly finish: FinishedCall | null;
  readonly deadline: Deadline;
  /** Called when nothing of it is written any more, whatever came of it: perhaps long after the deadline. */
  readonly ended?: () => void;
}

/** A commit of more calls than this is split, so that the first of them do not wait for the last. */
const MAX_BATCH = 500;
const RETRY = { baseMs: 50, maxMs: 1000, retryAfterMaxMs: 0, maxAttempts: Number.MAX_SAFE_INTEGER };

/**
 * Makes calls durable in groups. A commit is one insert, of the messages of all its calls. Beside it go the sessions that get
 * metadata, and after it the results of those calls that had a record before they began.
 */
@Injectable()
export class CallCommits {
  private readonly group = new GroupCommit<CallRecord>({
    commit: (records, answers) => this.commitGroup(records, answers),
    maxWeight: MAX_BATCH,
    maxWaiting: Infinity, // the calls in flight are bounded
    // a commit that hangs must not hold a call beyond its deadline; what it writes later is there all the same
    isOverdue: ({ deadline }) => deadline.isOver,
  });

  constructor(
    private readonly placer: MessagePlacer,
    private readonly activities: SessionActivities,
    private readonly calls: CallRepository,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Resolves when everything is durable; rejects when that could not be within the call's deadline. */
  commit(record: CallRecord): Promise<void> {
    return this.group.add(record);
  }

  private async commitGroup(records: readonly CallRecord[], answers: Answers<void>): Promise<readonly void[]> {
    try {
      await this.write(records, answers);
      return [];
    } finally {
      for (const { ended } of records) ended?.();
    }
  }

  private async write(records: readonly CallRecord[], answers: Answers<void>): Promise<void> {
    const deadline = latest(records);
    const persist = (write: () => Promise<void>) => this.persist(write, deadline);
    const refused = await this.commitSessions(groupBySession(records), persist);
    const finishes: FinishedCall[] = [];
    records.forEach(({ session, finish }, index) => {
      if (session !== null && refused.has(session.known.key)) answers.reject(index, new Error('MongoDB refused the session'));
      else if (finish === null) answers.resolve(index);
      else finishes.push(finish);
    });
    // only now: a result that stood there without its messages would be replayed as if they had been stored
    await persist(() => this.calls.finish(finishes));
  }

  /** @returns keys of the sessions whose change was refused. */
  private async commitSessions(groups: readonly SessionMessages[], persist: (write: () => Promise<void>) => Promise<void>): Promise<ReadonlySet<string>> {
    if (groups.length === 0) return new Set();
    await persist(() => this.placer.number(groups));
    const due = groups.filter((group) => this.activities.isDueWith(group));
    let missing: ReadonlySet<string> = new Set();
    let refused: ReadonlySet<string> = new Set();
    const written = due.length === 0 ? Promise.resolve() : persist(async () => void ({ missing, refused } = await this.activities.write(due)));
    await together(persist(() => this.placer.store(groups)), written);
    this.activities.writeLater(groups);
    if (missing.size > 0) await persist(() => this.activities.removeLeftovers(due, missing));
    return refused;
  }

  /** One write, repeated while storage is away and a call of the commit still has time. */
  private async persist(write: () => Promise<void>, deadline: Deadline): Promise<void> {
    const attempt = async () => {
      try {
        await write();
        return { kind: 'done', value: undefined } as const;
      } catch (error) {
        return { kind: 'failed', failure: error, retryable: asAppError(error)?.code === 'storage_unavailable', retryAfterMs: null } as const;
      }
    };
    const result = await retry<undefined, unknown>(attempt, { settings: RETRY, deadline, clock: this.clock });
    if (result.kind === 'failed') throw result.failure;
  }
}

/** Fails only when neither goes on any more: what is written behind a failure would meet its own repetition. */
async function together(...writes: readonly Promise<void>[]): Promise<void> {
  await Promise.allSettled(writes);
  await Promise.all(writes);
}

function latest(records: readonly CallRecord[]): Deadline {
  return records.map(({ deadline }) => deadline).reduce((a, b) => (b.atMs > a.atMs ? b : a));
}

/** Messages of one session in the order in which their calls ended; a prompt stands before its answer. */
function groupBySession(records: readonly CallRecord[]): readonly SessionMessages[] {
  const groups = new Map<KnownSession, { known: KnownSession; contents: MessageContent[]; metadata: JsonObject[]; placed: [] }>();
  for (const { session } of records) {
    if (session === null) continue;
    const { known, messages, metadata } = session;
    let group = groups.get(known);
    if (!group) groups.set(known, (group = { known, contents: [], metadata: [], placed: [] }));
    group.contents.push(...messages);
    if (metadata !== null) group.metadata.push(metadata);
  }
  return [...groups.values()];
}
