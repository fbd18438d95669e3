import type { RunUsage } from '@agentfleet/contracts';
import { Transactions, type Transaction } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { InjectConnection } from '@nestjs/mongoose';
import type { Connection } from 'mongoose';
import { collectionOf } from '../collection.repository';
import { EVENT_COLLECTION, type EventDocument } from '../events/event.schema';
import { SessionRepository } from '../sessions/session.repository';
import { MESSAGE_COLLECTION, type MessageDocument } from './message.schema';
import { RUN_COLLECTION, type CancelSignal, type RunDocument } from './run.schema';

export const LEASE_MS = 6000;
const NEVER = new Date(0);

/** What one commit of an executor writes, all or nothing. */
export interface RunCommit {
  readonly runId: string;
  readonly sessionKey: string;
  readonly epoch: number;
  /** The run's last event before this commit: proves that no commit is written twice. */
  readonly previousSeq: number;
  readonly events: readonly EventDocument[];
  readonly messages: readonly MessageDocument[];
  readonly set: Partial<RunDocument>;
  /** What the whole run used, when this commit ends it. */
  readonly endUsage: RunUsage | null;
}

export interface NewRun {
  readonly run: RunDocument;
  readonly events: readonly EventDocument[];
  readonly message: MessageDocument;
}

/** Writes of runs: admission, lease, and the commits of their executor, fenced by epoch and lease. */
@Injectable()
export class RunStore {
  constructor(
    @InjectConnection() private readonly connection: Connection,
    private readonly transactions: Transactions,
    private readonly sessions: SessionRepository,
  ) {}

  findByKey(sessionKey: string, idempotencyKey: string, transaction: Transaction): Promise<RunDocument | null> {
    return this.runs().findOne({ session_key: sessionKey, idempotency_key: idempotencyKey }, { session: transaction.session });
  }

  findIn(runId: string, transaction: Transaction): Promise<RunDocument | null> {
    return this.runs().findOne({ _id: runId }, { session: transaction.session });
  }

  /** Run, mark, first events and user message. A duplicate key means that another run won. */
  async insert({ run, events, message }: NewRun, transaction: Transaction): Promise<void> {
    const { session } = transaction;
    await this.runs().insertOne(run, { session });
    await this.events().insertMany([...events], { session });
    await this.messages().insertOne(message, { session });
  }

  /**
   * Takes the lease of an active run that nobody holds; the epoch rises, so that a former holder cannot write any more.
   * Returns the run as it was before, and its new epoch; null when somebody else was faster.
   */
  async claim(runId: string, replicaId: string, volumeId: string): Promise<{ before: RunDocument; epoch: number } | null> {
    const before = await this.runs().findOneAndUpdate(
      { _id: runId, active: true, state: { $in: ['queued', 'running'] }, volume_id: volumeId, $expr: { $lt: ['$lease_until', '$$NOW'] } },
      [
        {
          $set: {
            takeovers_at_step: { $cond: [{ $eq: ['$state', 'running'] }, { $add: ['$takeovers_at_step', 1] }, '$takeovers_at_step'] },
            attempt: { $cond: [{ $eq: ['$started_at', null] }, '$attempt', { $add: ['$attempt', 1] }] },
            epoch: { $add: ['$epoch', 1] },
            executor: { $literal: replicaId },
            lease_until: { $add: ['$$NOW', LEASE_MS] },
            started_at: { $ifNull: ['$started_at', '$$NOW'] },
            state: 'running',
          },
        },
      ],
      { returnDocument: 'before' },
    );
    return before ? { before, epoch: before.epoch + 1 } : null;
  }

  /** Makes the lease last again; false when it is lost. Also tells of a wish to end the run. */
  async renew(runId: string, epoch: number): Promise<{ held: boolean; cancel: CancelSignal | null }> {
    const run = await this.runs().findOneAndUpdate(
      { _id: runId, epoch, active: true, $expr: { $gt: ['$lease_until', '$$NOW'] } },
      [{ $set: { lease_until: { $add: ['$$NOW', LEASE_MS] } } }],
      { returnDocument: 'after', projection: { cancel: 1 } },
    );
    return { held: run !== null, cancel: run?.cancel ?? null };
  }

  /** Gives the run back, so that others go on at once. */
  async release(runId: string, epoch: number): Promise<void> {
    await this.runs().updateOne({ _id: runId, epoch, active: true }, { $set: { state: 'queued', executor: null, lease_until: NEVER } });
  }

  /** One transaction: the fenced update of the run and what it wrote. `fenced`: the lease is lost, nothing was written. */
  async commit(commit: RunCommit): Promise<'committed' | 'fenced'> {
    const outcome = await this.transactions.run(async (transaction) => {
      const { session } = transaction;
      const fence = { _id: commit.runId, epoch: commit.epoch, active: true, last_seq: commit.previousSeq, $expr: { $gt: ['$lease_until', '$$NOW'] } };
      const updated = await this.runs().updateOne(fence, { $set: commit.set }, { session });
      if (updated.matchedCount === 0) return 'fenced' as const;
      if (commit.events.length > 0) await this.events().insertMany([...commit.events], { session });
      if (commit.messages.length > 0) await this.messages().insertMany([...commit.messages], { session });
      if (commit.endUsage) await this.sessions.addUsage(commit.sessionKey, commit.endUsage, transaction);
      return 'committed' as const;
    });
    return outcome === 'committed' || (await this.isWritten(commit)) ? 'committed' : 'fenced';
  }

  /** Writes the wish to end an active run; the first one counts. Null when there is nothing to end. */
  async requestCancel(runId: string, cancel: CancelSignal, transaction: Transaction): Promise<RunDocument | null> {
    const { session } = transaction;
    const run = await this.runs().findOneAndUpdate({ _id: runId, active: true }, { $set: { cancel } }, { session, returnDocument: 'after' });
    return run;
  }

  /** Active runs that nobody executes and that this volume's replicas may take, oldest first. */
  async claimable(volumeId: string, limit: number): Promise<string[]> {
    const found = await this.runs()
      .find(
        { active: true, state: { $in: ['queued', 'running'] }, volume_id: volumeId, $expr: { $lt: ['$lease_until', '$$NOW'] } },
        { projection: { _id: 1 } },
      )
      .sort({ created_at: 1 })
      .limit(limit)
      .toArray();
    return found.map((run) => run._id);
  }

  /** The transcript of a session, oldest first. */
  transcript(sessionKey: string): Promise<MessageDocument[]> {
    return this.messages().find({ session_key: sessionKey }, { projection: { _id: 0 } }).sort({ index: 1 }).toArray();
  }

  /** A part of the transcript, from an index on. */
  transcriptPage(sessionKey: string, fromIndex: number, limit: number): Promise<MessageDocument[]> {
    const filter = { session_key: sessionKey, index: { $gte: fromIndex } };
    return this.messages().find(filter, { projection: { _id: 0 }, readConcern: { level: 'majority' } }).sort({ index: 1 }).limit(limit).toArray();
  }

  countActive(): Promise<number> {
    return this.runs().countDocuments({ active: true });
  }

  /** Removes messages and runs of a deleted session. */
  async remove(sessionKey: string): Promise<void> {
    await this.messages().deleteMany({ session_key: sessionKey });
    await this.runs().deleteMany({ session_key: sessionKey, active: false });
  }

  /** True when an earlier attempt of this very commit was written and only its answer was lost. */
  private async isWritten(commit: RunCommit): Promise<boolean> {
    const last = commit.events.at(-1);
    if (!last) return false;
    const run = await this.runs().findOne({ _id: commit.runId, epoch: commit.epoch, last_seq: last.seq }, { projection: { _id: 1 }, readConcern: { level: 'majority' } });
    return run !== null;
  }

  private runs() {
    return collectionOf<RunDocument>(this.connection, RUN_COLLECTION);
  }

  private events() {
    return collectionOf<EventDocument>(this.connection, EVENT_COLLECTION);
  }

  private messages() {
    return collectionOf<MessageDocument>(this.connection, MESSAGE_COLLECTION);
  }
}
