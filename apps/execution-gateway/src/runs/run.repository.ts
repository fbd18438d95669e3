import type { RunUsage } from '@agentfleet/contracts';
import { collection, MAJORITY, Transactions, WorkLease, type Transaction } from '@agentfleet/platform';
import type { RunClaim } from '@agentfleet/sessions';
import { Injectable } from '@nestjs/common';
import { InjectConnection } from '@nestjs/mongoose';
import type { Connection, mongo } from 'mongoose';
import { EventRepository } from '../events/event.repository';
import type { EventDocument } from '../events/event.schema';
import type { NewestFirstPosition } from '../paging/page-query';
import { RUN_COLLECTION } from '../sessions/last-run.repository';
import { SessionRepository } from '../sessions/session.repository';
import type { MessageDocument } from './message.schema';
import type { RequestOnRun, RunDocument } from './run.schema';
import { TranscriptRepository } from './transcript.repository';

export const RUN_LEASE = { leaseMs: 6000, renewEveryMs: 2000, giveUpAfterMs: 5000, minLeftMs: 2000 } as const;

export interface RunPage {
  readonly limit: number;
  readonly after: NewestFirstPosition | undefined;
}

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
  readonly endUsage: RunUsage | undefined;
}

export interface NewRun {
  readonly run: RunDocument;
  readonly events: readonly EventDocument[];
  readonly message: MessageDocument;
}

/** Runs. What happens to one is decided elsewhere; each write here is fenced, so that it happens to the run that was looked at. */
@Injectable()
export class RunRepository {
  private readonly lease = new WorkLease<RunDocument>(() => this.runs(), {
    fields: { holder: 'executor', until: 'lease_until', epoch: 'epoch' },
    leaseMs: RUN_LEASE.leaseMs,
  });

  constructor(
    @InjectConnection() private readonly connection: Connection,
    private readonly transactions: Transactions,
    private readonly sessions: SessionRepository,
    private readonly events: EventRepository,
    private readonly transcripts: TranscriptRepository,
  ) {}

  async find(runId: string): Promise<RunDocument | undefined> {
    return (await this.runs().findOne({ _id: runId }, MAJORITY)) ?? undefined;
  }

  async findOfSession(sessionKey: string, runId: string): Promise<RunDocument | undefined> {
    return (await this.runs().findOne({ _id: runId, session_key: sessionKey }, MAJORITY)) ?? undefined;
  }

  /** Newest first; one more than `limit` when there is more. */
  page(sessionKey: string, { after, limit }: RunPage): Promise<RunDocument[]> {
    const older = after ? { $or: [{ created_at: { $lt: after.createdAt } }, { created_at: after.createdAt, _id: { $lt: after.id } }] } : {};
    return this.runs().find({ session_key: sessionKey, ...older }, MAJORITY).sort({ created_at: -1, _id: -1 }).limit(limit + 1).toArray();
  }

  async findByKey(sessionKey: string, idempotencyKey: string, transaction: Transaction): Promise<RunDocument | undefined> {
    return (await this.runs().findOne({ session_key: sessionKey, idempotency_key: idempotencyKey }, { session: transaction.session })) ?? undefined;
  }

  async findIn(runId: string, transaction: Transaction): Promise<RunDocument | undefined> {
    return (await this.runs().findOne({ _id: runId }, { session: transaction.session })) ?? undefined;
  }

  /** Run, mark, first events and user message. A duplicate key means that another run was faster. */
  async insert({ run, events, message }: NewRun, transaction: Transaction): Promise<void> {
    await this.runs().insertOne(run, { session: transaction.session });
    await this.events.insert(events, transaction);
    await this.transcripts.insert([message], transaction);
  }

  /** Runs that nobody executes and that the replicas of this volume may, oldest first. */
  claimable(volumeId: string, limit: number): Promise<readonly string[]> {
    return this.lease.free({ active: true, state: { $in: ['queued', 'running'] }, volume_id: volumeId }, limit, { created_at: 1 });
  }

  /**
   * Takes the lease of a run as it was found; the epoch rises, so that a former holder cannot write any more.
   * @returns the run as it was before; undefined when somebody else was faster
   */
  claim(found: RunDocument, claim: RunClaim, replicaId: string): Promise<RunDocument | undefined> {
    const asFound = { _id: found._id, active: true, state: found.state, epoch: found.epoch };
    const running = { state: 'running', attempt: claim.attempt, started_at: { $ifNull: ['$started_at', '$$NOW'] } };
    return this.lease.claim(asFound, replicaId, { takeovers_at_step: claim.takeoversAtStep, ...(claim.state.state === 'running' ? running : {}) });
  }

  /** Makes the lease last again. @returns what is asked of the run; undefined when the lease is lost */
  async renew(runId: string, epoch: number): Promise<readonly RequestOnRun[] | undefined> {
    const run = await this.lease.renew({ _id: runId, active: true }, { epoch }, ['requests']);
    return run && (run.requests ?? []);
  }

  /** Gives the run back in this state, so that others go on at once. */
  async release(runId: string, epoch: number, state: Pick<RunDocument, 'state' | 'active'>): Promise<void> {
    await this.runs().updateOne({ _id: runId, epoch, active: true }, { $set: { ...state, executor: null, ...this.lease.released } });
  }

  /** One transaction: the fenced update of the run and what it wrote. `fenced`: the lease is lost, nothing was written. */
  async commit(commit: RunCommit): Promise<'committed' | 'fenced'> {
    const outcome = await this.transactions.run(async (transaction) => {
      const own = { _id: commit.runId, active: true, last_seq: commit.previousSeq, ...this.lease.fence({ epoch: commit.epoch }) };
      const updated = await this.runs().updateOne(own, { $set: commit.set }, { session: transaction.session });
      if (updated.matchedCount === 0) return 'fenced' as const;
      await this.events.insert(commit.events, transaction);
      await this.transcripts.insert(commit.messages, transaction);
      if (commit.endUsage) await this.sessions.addUsage(commit.sessionKey, commit.endUsage, transaction);
      return 'committed' as const;
    });
    return outcome === 'committed' || (await this.isWritten(commit)) ? 'committed' : 'fenced';
  }

  /** Adds to what is asked of an active run. */
  async addRequest(runId: string, request: RequestOnRun, transaction: Transaction): Promise<void> {
    const push: mongo.PushOperator<RunDocument> = { requests: request };
    await this.runs().updateOne({ _id: runId, active: true }, { $push: push }, { session: transaction.session });
  }

  /** Removes the ended runs of a deleted session. */
  async remove(sessionKey: string): Promise<void> {
    await this.runs().deleteMany({ session_key: sessionKey, active: false });
  }

  /** True when an earlier attempt of this very commit was written and only its answer was lost. */
  private async isWritten(commit: RunCommit): Promise<boolean> {
    const last = commit.events.at(-1);
    if (!last) return false;
    const run = await this.runs().findOne({ _id: commit.runId, epoch: commit.epoch, last_seq: last.seq }, { projection: { _id: 1 }, ...MAJORITY });
    return run !== null;
  }

  private runs() {
    return collection<RunDocument>(this.connection, RUN_COLLECTION);
  }
}
