import { Injectable } from '@nestjs/common';
import { InjectConnection } from '@nestjs/mongoose';
import type { Connection } from 'mongoose';
import { collectionOf } from '../collection.repository';
import { RUN_COLLECTION, type RunDocument } from './run.schema';

const MAJORITY = { readConcern: { level: 'majority' } } as const;

export interface RunPage {
  readonly limit: number;
  readonly after: { readonly createdAt: Date; readonly id: string } | null;
}

/** Reads of runs. */
@Injectable()
export class RunReader {
  constructor(@InjectConnection() private readonly connection: Connection) {}

  find(runId: string): Promise<RunDocument | null> {
    return this.runs().findOne({ _id: runId }, MAJORITY);
  }

  findAll(runIds: readonly string[]): Promise<RunDocument[]> {
    return runIds.length === 0 ? Promise.resolve([]) : this.runs().find({ _id: { $in: [...runIds] } }, MAJORITY).toArray();
  }

  findOfSession(sessionKey: string, runId: string): Promise<RunDocument | null> {
    return this.runs().findOne({ _id: runId, session_key: sessionKey }, MAJORITY);
  }

  /** Newest first; one more than `limit` when there is more. */
  page(sessionKey: string, page: RunPage): Promise<RunDocument[]> {
    const older = page.after
      ? { $or: [{ created_at: { $lt: page.after.createdAt } }, { created_at: page.after.createdAt, _id: { $lt: page.after.id } }] }
      : {};
    return this.runs().find({ session_key: sessionKey, ...older }, MAJORITY).sort({ created_at: -1, _id: -1 }).limit(page.limit + 1).toArray();
  }

  /** The last event of each of these runs, and whether it is still active. */
  ends(runIds: readonly string[]): Promise<Pick<RunDocument, '_id' | 'session_key' | 'last_seq' | 'active'>[]> {
    return this.runs()
      .find({ _id: { $in: [...runIds] } }, { projection: { session_key: 1, last_seq: 1, active: 1 }, ...MAJORITY })
      .toArray();
  }

  private runs() {
    return collectionOf<RunDocument>(this.connection, RUN_COLLECTION);
  }
}
