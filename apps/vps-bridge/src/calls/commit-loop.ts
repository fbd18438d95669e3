import type { JsonObject } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import { CLOCK, asAppError, type Clock } from '@agentfleet/platform';
import { Deadline, retry, type WaitClock } from '@agentfleet/resilience';
import { Inject, Injectable } from '@nestjs/common';
import { HealthWriter, type AgentOutcome } from '../health/health-writer';
import { MessageRepository, type MessageContent } from '../sessions/message.repository';
import { MessagePlacer, type SessionMessages } from '../sessions/message-placer';
import type { KnownSession } from '../sessions/session-directory';
import { SessionDirectory } from '../sessions/session-directory';
import { SessionRepository, type SessionActivity } from '../sessions/session.repository';
import { CallRepository, type FinishedCall } from './records/call.repository';

/** What one call leaves behind. */
export interface CallRecord {
  readonly session: { readonly known: KnownSession; readonly messages: readonly MessageContent[]; readonly metadata: JsonObject | null } | null;
  readonly outcomes: readonly AgentOutcome[];
  /** For calls whose record was opened before they began. */
  readonly finish: FinishedCall | null;
  readonly deadline: Deadline;
  /** Told when nothing of it is written any more, whatever came of it: perhaps long after the deadline. */
  readonly settled?: () => void;
}

interface Waiting {
  readonly record: CallRecord;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

/** A commit of more calls than this is split, so that the first of them do not wait for the last. */
const MAX_BATCH = 500;
const WATCH_MS = 500;
const RETRY = { baseMs: 50, maxMs: 1000, retryAfterMaxMs: 0, maxAttempts: Number.MAX_SAFE_INTEGER };

/**
 * Makes calls durable in groups: one commit at a time, and what arrives meanwhile goes into the next. A commit writes the
 * messages of all waiting calls, their sessions and the health of their agents side by side, each in one operation, and then
 * the results of those calls that had a record before they began.
 */
@Injectable()
export class CommitLoop {
  private waiting: Waiting[] = [];
  private committing: readonly Waiting[] = [];
  private running = false;
  private readonly waitClock: WaitClock;

  constructor(
    private readonly messages: MessageRepository,
    private readonly placer: MessagePlacer,
    private readonly sessions: SessionRepository,
    private readonly directory: SessionDirectory,
    private readonly health: HealthWriter,
    private readonly calls: CallRepository,
    @Inject(CLOCK) clock: Clock,
  ) {
    this.waitClock = clock;
  }

  /** Resolves when everything is durable; rejects when that could not be within the call's deadline. */
  commit(record: CallRecord): Promise<void> {
    return new Promise((done, failed) => {
      this.waiting.push({ record, done, failed });
      if (!this.running) void this.run();
    });
  }

  private async run(): Promise<void> {
    this.running = true;
    const watch = setInterval(() => this.failOverdue(), WATCH_MS);
    while (this.waiting.length > 0) {
      this.committing = this.waiting.splice(0, MAX_BATCH);
      try {
        await this.commitBatch(this.committing);
      } catch (error) {
        for (const { failed } of this.committing) failed(error);
      }
      for (const { record } of this.committing) record.settled?.();
    }
    clearInterval(watch);
    this.committing = [];
    this.running = false;
  }

  /** A commit that hangs must not hold a call beyond its deadline; what it writes later is there all the same. */
  private failOverdue(): void {
    for (const { record, failed } of [...this.committing, ...this.waiting]) {
      if (record.deadline.isOver) failed(new AppError('storage_unavailable'));
    }
  }

  private async commitBatch(batch: readonly Waiting[]): Promise<void> {
    const deadline = latest(batch);
    const persist = (write: () => Promise<void>) => this.persist(write, deadline);
    const outcomes = batch.flatMap(({ record }) => record.outcomes);
    const [refused] = await together(this.commitSessions(groupBySession(batch), persist), this.health.write(outcomes, persist));
    const stored = batch.filter(({ record, failed }) => {
      if (record.session === null || !refused.has(record.session.known.key)) return true;
      failed(new Error('MongoDB refused the session'));
      return false;
    });
    const unrecorded = stored.filter(({ record }) => record.finish === null);
    for (const { done } of unrecorded) done();
    if (unrecorded.length === stored.length) return;
    // only now: a result that stood there without its messages would be replayed as if they had been stored
    await persist(() => this.calls.finish(stored.flatMap(({ record }) => record.finish ?? [])));
    for (const { done } of stored) done();
  }

  /** @returns keys of the sessions whose change was refused. */
  private async commitSessions(groups: readonly SessionMessages[], persist: (write: () => Promise<void>) => Promise<void>): Promise<ReadonlySet<string>> {
    if (groups.length === 0) return new Set();
    let refused: ReadonlySet<string> = new Set();
    let missing: ReadonlySet<string> = new Set();
    await persist(() => this.placer.number(groups));
    const activities = groups.map(activityOf);
    const applied = persist(async () => {
      ({ missing, refused } = await this.sessions.applyActivity(activities));
    });
    await together(persist(() => this.placer.store(groups)), applied);
    const gone = groups.filter(({ known }) => missing.has(known.key));
    for (const { known } of gone) this.directory.forget(known.orgId, known.sessionId);
    await persist(async () => void (await Promise.all(gone.map(({ known }) => this.messages.removeAll(known.key)))));
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
    const result = await retry<undefined, unknown>(attempt, { settings: RETRY, deadline, clock: this.waitClock });
    if (result.kind === 'failed') throw result.failure;
  }
}

/** Fails only when neither goes on any more: what is written behind a failure would meet its own repetition. */
async function together<A, B>(one: Promise<A>, other: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([one, other]);
  return Promise.all([one, other]);
}

function latest(batch: readonly Waiting[]): Deadline {
  return batch.map(({ record }) => record.deadline).reduce((a, b) => (b.atMs > a.atMs ? b : a));
}

/** Messages of one session in the order in which their calls ended; a prompt stands before its answer. */
function groupBySession(batch: readonly Waiting[]): readonly SessionMessages[] {
  const groups = new Map<KnownSession, { known: KnownSession; contents: MessageContent[]; metadata: JsonObject[]; placed: [] }>();
  for (const { record } of batch) {
    if (record.session === null) continue;
    const { known, messages, metadata } = record.session;
    let group = groups.get(known);
    if (!group) groups.set(known, (group = { known, contents: [], metadata: [], placed: [] }));
    group.contents.push(...messages);
    if (metadata !== null) group.metadata.push(metadata);
  }
  return [...groups.values()];
}

function activityOf({ known, contents, metadata, placed }: SessionMessages): SessionActivity {
  return {
    key: known.key,
    lastActivityMs: Math.max(0, ...contents.map(({ timestampMs }) => timestampMs)), // without messages it stays
    lastSeq: placed.at(-1)?.seq ?? 0,
    metadata,
  };
}
