import { collection, MAJORITY, withPlainErrors, WorkLease, type Transaction } from '@agentfleet/platform';
import type { RunClaim } from '@agentfleet/sessions';
import { Injectable } from '@nestjs/common';
import { InjectConnection } from '@nestjs/mongoose';
import type { Connection, mongo } from 'mongoose';
import { EventRepository } from '../events/event.repository';
import type { EventDocument } from '../events/event.schema';
import type { NewestFirstPosition } from '../paging/page-query';
import { RUN_COLLECTION } from '../sessions/last-run.repository';
import type { MessageDocument } from './message.schema';
import type { RequestOnRun, RunDocument } from './run.schema';
import { TranscriptRepository } from './transcript.repository';

export const RUN_LEASE = { leaseMs: 6000, renewEveryMs: 2000, giveUpAfterMs: 5000, minLeftMs: 2000 } as const;

/** What a run becomes with its first executor. */
const BEGUN = { state: 'running', started_at: '$$NOW' } as const;

export interface RunPage {
  readonly limit: number;
  readonly after: NewestFirstPosition | undefined;
}

/** What one commit of an executor writes; it counts as a whole or not at all. */
export interface RunCommit {
  readonly runId: string;
  readonly epoch: number;
  /** The run's last event before this commit: proves that no commit is written twice. */
  readonly previousSeq: number;
  readonly events: readonly EventDocument[];
  readonly messages: readonly MessageDocument[];
  readonly set: Partial<RunDocument>;
}

export interface NewRun {
  readonly run: RunDocument;
  /** The replica that executes it from the beginning; undefined: it waits for one. */
  readonly executor: string | undefined;
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

  findAll(runIds: readonly string[]): Promise<RunDocument[]> {
    return runIds.length === 0 ? Promise.resolve([]) : this.runs().find({ _id: { $in: [...runIds] } }, MAJORITY).toArray();
  }

  /** Runs that were started with these idempotency keys. */
  findByKeys(keys: readonly Pick<RunDocument, 'session_key' | 'idempotency_key'>[]): Promise<RunDocument[]> {
    return keys.length === 0 ? Promise.resolve([]) : this.runs().find({ $or: [...keys] }, MAJORITY).toArray();
  }

  async findIn(runId: string, transaction: Transaction): Promise<RunDocument | undefined> {
    return (await this.runs().findOne({ _id: runId }, { session: transaction.session })) ?? undefined;
  }

  /** Runs with their marks, first events and user messages. A duplicate key means that another run was faster, or that a dead executor left something. */
  async insert(admitted: readonly NewRun[], transaction: Transaction): Promise<void> {
    const upserts = admitted.map(({ run, executor }) => ({
      updateOne: { filter: { _id: run._id }, update: executor === undefined ? { $setOnInsert: withoutId(run) } : this.lease.heldFromBirth(run, executor, BEGUN), upsert: true },
    }));
    await withPlainErrors(this.runs().bulkWrite(upserts, { session: transaction.session }));
    await this.events.insert(admitted.flatMap(({ events }) => events), transaction);
    await this.transcripts.insert(admitted.map(({ message }) => message), transaction);
  }

  /** What a dead executor left behind the end of an ended run, which is the session's last, is out of the way of the next one. */
  async removeLeft({ session_key: key, last_seq: lastSeq, next_message_index: nextIndex, epoch }: RunDocument): Promise<void> {
    await Promise.all([this.events.removeLeft(key, lastSeq, epoch), this.transcripts.removeLeft(key, nextIndex, epoch)]);
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
    const running = { ...BEGUN, attempt: claim.attempt, started_at: { $ifNull: ['$started_at', '$$NOW'] } };
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

  /**
   * The events and messages of several runs, then one fenced update for each run, which makes its part count. `fenced`: the lease is
   * lost, and what was written does not count. Without a transaction: a process that dies within one holds all its runs for seconds.
   */
  async commit(commits: readonly RunCommit[]): Promise<readonly ('committed' | 'fenced')[]> {
    await Promise.all([this.events.write(commits.flatMap(({ events }) => events)), this.transcripts.write(commits.flatMap(({ messages }) => messages))]);
    const updates = commits.map(({ runId, epoch, previousSeq, set }) => ({
      updateOne: { filter: { _id: runId, active: true, last_seq: previousSeq, ...this.lease.fence({ epoch }) }, update: { $set: set } },
    }));
    const { matchedCount } = await withPlainErrors(this.runs().bulkWrite(updates, { ordered: false }));
    return matchedCount === commits.length ? commits.map(() => 'committed') : this.outcomes(commits);
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

  /** Which of them count: also those of an earlier attempt whose answer was lost. */
  private async outcomes(commits: readonly RunCommit[]): Promise<readonly ('committed' | 'fenced')[]> {
    const found = await this.runs().find({ _id: { $in: commits.map(({ runId }) => runId) } }, { projection: { epoch: 1, last_seq: 1, next_message_index: 1 }, ...MAJORITY }).toArray();
    const runs = new Map(found.map((run) => [run._id, run]));
    return commits.map(({ runId, epoch, set }) => {
      const run = runs.get(runId);
      return run?.epoch === epoch && run.last_seq === set.last_seq && run.next_message_index === set.next_message_index ? 'committed' : 'fenced';
    });
  }

  private runs() {
    return collection<RunDocument>(this.connection, RUN_COLLECTION);
  }
}

function withoutId({ _id, ...fields }: RunDocument): Omit<RunDocument, '_id'> {
  return fields;
}
