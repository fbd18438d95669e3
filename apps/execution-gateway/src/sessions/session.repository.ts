import type { RunUsage } from '@agentfleet/contracts';
import { collection, MAJORITY, withPlainErrors, WorkLease, type Transaction } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { InjectConnection } from '@nestjs/mongoose';
import type { Connection } from 'mongoose';
import type { NewestFirstPosition } from '../paging/page-query';
import { SESSION_COLLECTION, type SessionDocument } from './session.schema';

export interface SessionPage {
  readonly limit: number;
  /** The last session of the page before. */
  readonly after: NewestFirstPosition | undefined;
  readonly userId?: string | undefined;
}

const REMOVAL_LEASE_MS = 30_000;

/** What a session becomes when a run of it is admitted. */
export interface NextRun {
  readonly key: string;
  /** Its last run as it was looked at. */
  readonly before: string | null;
  readonly runId: string;
  /** What that last run used, when it is not in the session's usage yet. */
  readonly usage: RunUsage | undefined;
}

/** The cost of all runs is known only while that of each one is; a run that used nothing cost nothing. */
function usageSums({ cost_usd: cost, estimated, ...counts }: RunUsage): Record<string, object | boolean> {
  const sums = Object.entries(counts).map(([name, value]): [string, object] => [`usage.${name}`, { $add: [`$usage.${name}`, value] }]);
  const sum = { $cond: [{ $eq: ['$usage.total_tokens', 0] }, { $literal: cost }, { $add: ['$usage.cost_usd', cost] }] };
  return { ...Object.fromEntries(sums), ...(estimated ? { 'usage.estimated': true } : {}), ...(counts.total_tokens === 0 ? {} : { 'usage.cost_usd': sum }) };
}

/** Sessions of an organization. A deleted session is found by its key only. */
@Injectable()
export class SessionRepository {
  private readonly removal = new WorkLease<SessionDocument>(() => this.sessions(), { fields: { holder: 'removal_by', until: 'removal_until' }, leaseMs: REMOVAL_LEASE_MS });

  constructor(@InjectConnection() private readonly connection: Connection) {}

  async find(orgId: string, sessionId: string): Promise<SessionDocument | undefined> {
    return (await this.sessions().findOne({ org_id: orgId, session_id: sessionId, is_deleted: false }, MAJORITY)) ?? undefined;
  }

  /** By its internal key, as long as it is not deleted: another session may have its id by now. */
  async findLiving(key: string, transaction?: Transaction): Promise<SessionDocument | undefined> {
    return (await this.sessions().findOne({ _id: key, is_deleted: false }, transaction ? { session: transaction.session } : MAJORITY)) ?? undefined;
  }

  /** By its internal key, deleted or not. */
  async findByKey(key: string): Promise<SessionDocument | undefined> {
    return (await this.sessions().findOne({ _id: key }, MAJORITY)) ?? undefined;
  }

  /** Newest first; one more than `limit` when there is more. */
  page(orgId: string, page: SessionPage): Promise<SessionDocument[]> {
    const older = page.after
      ? { $or: [{ created_at: { $lt: page.after.createdAt } }, { created_at: page.after.createdAt, _id: { $lt: page.after.id } }] }
      : {};
    const filter = { org_id: orgId, is_deleted: false, ...(page.userId === undefined ? {} : { user_id: page.userId }), ...older };
    return this.sessions().find(filter, MAJORITY).sort({ created_at: -1, _id: -1 }).limit(page.limit + 1).toArray();
  }

  async insert(session: SessionDocument, transaction: Transaction): Promise<void> {
    await this.sessions().insertOne(session, { session: transaction.session });
  }

  /** Those of these sessions that are not deleted, by their internal keys. */
  findAllLiving(keys: readonly string[]): Promise<SessionDocument[]> {
    return this.sessions().find({ _id: { $in: [...keys] }, is_deleted: false }, MAJORITY).toArray();
  }

  /** Gives sessions their next runs. False when one of them was deleted, or given another run, since it was looked at. */
  async setLastRuns(moves: readonly NextRun[], { session }: Transaction): Promise<boolean> {
    const updates = moves.map(({ key, before, runId, usage }) => ({
      updateOne: { filter: { _id: key, is_deleted: false, last_run_id: before }, update: [{ $set: { last_run_id: { $literal: runId }, ...(usage && usageSums(usage)) } }] },
    }));
    const { matchedCount } = await withPlainErrors(this.sessions().bulkWrite(updates, { session, ordered: true }));
    return matchedCount === moves.length;
  }

  /** From now on the session is gone; false when it was already. */
  async markDeleted(key: string, now: Date, transaction: Transaction): Promise<boolean> {
    const result = await this.sessions().updateOne(
      { _id: key, is_deleted: false },
      { $set: { is_deleted: true, deleted_at: now } },
      { session: transaction.session },
    );
    return result.matchedCount === 1;
  }

  /** The last run of a session, as the transaction sees it. */
  async lastRunOf(key: string, transaction: Transaction): Promise<string | null> {
    const session = await this.sessions().findOne({ _id: key }, { session: transaction.session, projection: { last_run_id: 1 } });
    return session?.last_run_id ?? null;
  }

  /** Sessions that were deleted before `before` and that nobody is removing, oldest first. */
  removable(before: Date, limit: number): Promise<readonly string[]> {
    return this.removal.free({ is_deleted: true, deleted_at: { $lt: before } }, limit, { deleted_at: 1 });
  }

  /** Takes a deleted session for its removal; undefined when another replica was faster. */
  claimRemoval(key: string, replicaId: string): Promise<SessionDocument | undefined> {
    return this.removal.claim({ _id: key, is_deleted: true }, replicaId);
  }

  async remove(key: string): Promise<void> {
    await this.sessions().deleteOne({ _id: key, is_deleted: true });
  }

  /** Whether a living session of the organization works in this directory, and whether a deleted one owned it. */
  async directoryUse(orgId: string, workspaceDir: string, exceptKey?: string): Promise<{ isUsed: boolean; wasOwned: boolean }> {
    const same = { org_id: orgId, workspace_dir: workspaceDir, ...(exceptKey === undefined ? {} : { _id: { $ne: exceptKey } }) };
    const used = await this.sessions().findOne({ ...same, is_deleted: false }, { projection: { _id: 1 } });
    const owned = await this.sessions().findOne({ ...same, is_deleted: true, owns_workspace: true }, { projection: { _id: 1 } });
    return { isUsed: used !== null, wasOwned: owned !== null };
  }

  /** Which of these keys have which last run, and which are deleted; keys that are not in the answer are gone. */
  lastRuns(keys: readonly string[]): Promise<Pick<SessionDocument, '_id' | 'last_run_id' | 'is_deleted'>[]> {
    return this.sessions()
      .find({ _id: { $in: [...keys] } }, { projection: { last_run_id: 1, is_deleted: 1 }, ...MAJORITY })
      .toArray();
  }

  /** Exact number of sessions that exist, of all organizations; counted from an index. */
  count(): Promise<number> {
    return this.sessions().countDocuments({ is_deleted: false }, { hint: { is_deleted: 1, deleted_at: 1 } });
  }

  private sessions() {
    return collection<SessionDocument>(this.connection, SESSION_COLLECTION);
  }
}
