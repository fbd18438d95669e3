import type { VpsCallKind, VpsCallStatus, VpsKeptCallResult } from '@agentfleet/contracts';
import { ENV, WorkLease, collection, isDuplicateKey, refusedOperations, withPlainErrors } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import { InjectConnection } from '@nestjs/mongoose';
import type { Connection, mongo } from 'mongoose';
import type { VpsBridgeEnv } from '../../env';
import { type CallDocument, type StoredRequest } from './call.schema';
import type { IdempotencyKey } from './idempotency-key';

/** A call whose record exists before it has ended: at once for an asynchronous one or one with an idempotency key, soon for others. */
export interface OpenCall {
  readonly callId: string;
  readonly orgId: string;
  readonly kind: VpsCallKind;
  readonly status: 'queued' | 'running';
  readonly agentName: string;
  readonly sessionId: string | null;
  readonly userId: string | null;
  readonly createdAtMs: number;
  readonly request: StoredRequest | null;
  readonly key: IdempotencyKey | undefined;
  readonly holder: string;
  readonly attempted: boolean;
  readonly chain: readonly string[];
}

/** The record of a call that has ended; when it may be forgotten is the repository's to know. */
export type EndedCall = Omit<CallDocument, 'expiresAt'>;

/** How a call with an open record ended. */
export interface FinishedCall {
  readonly callId: string;
  readonly result: VpsKeptCallResult;
  readonly finishedAtMs: number;
  /** No agent was contacted: the key may be used for another try. */
  readonly freesKey: boolean;
  /** No agent was contacted, but its prompt may be in the session: another try with the key goes on with this call. */
  readonly isRefused?: boolean;
}

export interface CallPage {
  readonly agentName: string | undefined;
  readonly sessionId: string | undefined;
  readonly userId: string | undefined;
  readonly status: VpsCallStatus | undefined;
  readonly kind: VpsCallKind | undefined;
  readonly errorType: string | undefined;
  readonly since: Date | undefined;
  readonly until: Date | undefined;
  /** The last call of the page before. */
  readonly after: string | undefined;
  readonly limit: number;
}

const LEASE = { fields: { holder: 'holder', until: 'leaseUntil' }, leaseMs: 15_000 };
const HOUR_MS = 3_600_000;
const DUPLICATE_KEY = 11000;
const CLOSING = { open: '', holder: '', leaseUntil: '', request: '', attempted: '', chain: '' } as const;
const KEY = { idempotencyKey: '', requestHash: '' } as const;

@Injectable()
export class CallRepository {
  private readonly lease = new WorkLease<CallDocument>(() => this.collection, LEASE);

  constructor(
    @InjectConnection() private readonly connection: Connection,
    @Inject(ENV) private readonly env: VpsBridgeEnv,
  ) {}

  private get collection() {
    return collection<CallDocument>(this.connection, 'vps_calls');
  }

  /** Makes the record of a call before it begins. False when its idempotency key belongs to another call. */
  async open(call: OpenCall): Promise<boolean> {
    try {
      await this.collection.updateOne({ _id: call.callId }, [this.openingOf(call)], { upsert: true });
      return true;
    } catch (error) {
      if (isDuplicateKey(error)) return false;
      throw error;
    }
  }

  findByKey(orgId: string, key: string): Promise<CallDocument | null> {
    return this.collection.findOne({ orgId, idempotencyKey: key }, { projection: { request: 0 } });
  }

  find(orgId: string, callId: string): Promise<CallDocument | null> {
    return this.collection.findOne({ _id: callId, orgId });
  }

  /** A call that has ended gives its key back. */
  async freeKey(callId: string): Promise<void> {
    await this.collection.updateOne({ _id: callId, open: { $ne: true } }, { $unset: KEY });
  }

  /** Opens a refused call again; of simultaneous tries exactly one gets it. */
  async reopen(call: OpenCall): Promise<boolean> {
    const result = await this.collection.updateOne({ _id: call.callId, refused: true }, [{ $unset: ['refused', 'finishedAt'] }, this.openingOf(call)]);
    return result.matchedCount === 1;
  }

  /** Removes the record of a call that was refused before it began. */
  async discard(callId: string): Promise<void> {
    await this.collection.deleteOne({ _id: callId, open: true });
  }

  /** Records of ended calls, written together; those that another try has already written are left as they are. */
  async insertEnded(calls: readonly EndedCall[]): Promise<void> {
    if (calls.length === 0) return;
    try {
      await this.collection.insertMany(calls.map((call) => this.withExpiry(call)), { ordered: false });
    } catch (error) {
      if (refusedOperations(error).some(({ code }) => code !== DUPLICATE_KEY)) throw error;
    }
  }

  /** Makes records of calls that are under way; may be repeated. */
  async openMany(calls: readonly OpenCall[]): Promise<void> {
    if (calls.length === 0) return;
    const operations = calls.map((call): mongo.AnyBulkWriteOperation<CallDocument> => ({
      updateOne: { filter: { _id: call.callId }, update: [this.openingOf(call)], upsert: true },
    }));
    await withPlainErrors(this.collection.bulkWrite(operations, { ordered: false }));
  }

  /** Records of ended calls in place of those that were made while they were under way. */
  async replaceEnded(calls: readonly EndedCall[]): Promise<void> {
    if (calls.length === 0) return;
    const operations = calls.map((call): mongo.AnyBulkWriteOperation<CallDocument> => {
      const { _id, ...replacement } = this.withExpiry(call);
      return { replaceOne: { filter: { _id }, replacement, upsert: true } };
    });
    await withPlainErrors(this.collection.bulkWrite(operations, { ordered: false }));
  }

  /** Ends calls; one that has ended already stays as it is. */
  async finish(calls: readonly FinishedCall[]): Promise<void> {
    if (calls.length === 0) return;
    const operations = calls.map(({ callId, result, finishedAtMs, freesKey, isRefused }): mongo.AnyBulkWriteOperation<CallDocument> => {
      const unset = freesKey ? { ...CLOSING, ...KEY } : CLOSING;
      const status: VpsCallStatus = result.success ? 'succeeded' : 'failed';
      const refused = isRefused === true ? { refused: true as const } : {};
      return { updateOne: { filter: { _id: callId, open: true }, update: { $set: { status, result, finishedAt: new Date(finishedAtMs), ...refused }, $unset: unset } } };
    });
    await withPlainErrors(this.collection.bulkWrite(operations, { ordered: false }));
  }

  /** Starts a queued call of this replica; null when it is not this replica's any more, or has contacted an agent. */
  start(callId: string, holder: string, now: Date): Promise<CallDocument | null> {
    const set = { status: 'running', startedAt: { $literal: now }, ...this.lease.renewing };
    return this.collection.findOneAndUpdate({ _id: callId, holder, open: true, attempted: false }, [{ $set: set }], { returnDocument: 'after' });
  }

  /** From now on the call is never started again. False when it is not this replica's any more. */
  async markAttempted(callId: string, holder: string, chain: readonly string[]): Promise<boolean> {
    const result = await this.collection.updateOne({ _id: callId, holder, open: true }, { $set: { attempted: true, chain } });
    return result.matchedCount === 1;
  }

  /** Lengthens the leases of calls that this replica holds. */
  async renew(holder: string, callIds: readonly string[]): Promise<void> {
    await this.collection.updateMany({ _id: { $in: [...callIds] }, open: true, holder }, [{ $set: this.lease.renewing }]);
  }

  /** Any replica may adopt the calls that wait here. */
  async release(holder: string): Promise<void> {
    await this.collection.updateMany({ open: true, holder, attempted: false }, { $set: { ...this.lease.released, status: 'queued' } });
  }

  /** Open calls of other replicas whose lease is over. */
  async listAbandoned(holder: string, limit: number): Promise<readonly CallDocument[]> {
    return this.collection
      .find({ open: true, leaseUntil: { $exists: true }, holder: { $ne: holder }, ...this.lease.isFree }, { projection: { request: 0 } })
      .limit(limit)
      .toArray();
  }

  /** Makes a call that never contacted an agent this replica's; of all replicas one gets it. */
  async adopt(callId: string, holder: string): Promise<boolean> {
    return (await this.lease.claim({ _id: callId, open: true, attempted: false }, holder, { status: 'queued' })) !== undefined;
  }

  async list(orgId: string, page: CallPage, idOf: (time: Date) => string): Promise<readonly CallDocument[]> {
    const { agentName, sessionId, userId, status, kind, errorType, since, until, after, limit } = page;
    const bounds = [
      ...(since === undefined ? [] : [{ _id: { $gte: idOf(since) } }]),
      ...(until === undefined ? [] : [{ createdAt: { $lte: until } }]),
      ...(after === undefined ? [] : [{ _id: { $lt: after } }]),
    ];
    const filter = {
      orgId,
      ...(agentName === undefined ? {} : { agentName }),
      ...(sessionId === undefined ? {} : { sessionId }),
      ...(userId === undefined ? {} : { userId }),
      ...(status === undefined ? {} : { status }),
      ...(kind === undefined ? {} : { kind }),
      ...(errorType === undefined ? {} : { 'result.error_type': errorType }),
      ...(bounds.length === 0 ? {} : { $and: bounds }),
    };
    const projection = { 'result.response': 0, 'result.attempts': 0, 'result.fallback_chain': 0, request: 0 };
    return this.collection.find(filter, { projection }).sort({ _id: -1 }).limit(limit).toArray();
  }

  /**
   * As a pipeline, since the lease is by the clock of the database. An opening may land late, after its answer was given up: a
   * record that has ended meanwhile stays as it is.
   */
  private openingOf(call: OpenCall): mongo.Document {
    const { callId: _callId, key, request, createdAtMs, ...fields } = call;
    const createdAt = new Date(createdAtMs);
    const document = this.withExpiry({
      ...fields,
      createdAt,
      startedAt: call.status === 'running' ? createdAt : null,
      finishedAt: null,
      result: null,
      open: true,
      ...(request === null ? {} : { request }),
      ...(key === undefined ? {} : { idempotencyKey: key.key, requestHash: key.hash }),
    });
    const opened = { $mergeObjects: ['$$ROOT', { $literal: document }, this.lease.renewing] };
    return { $replaceWith: { $cond: [{ $gt: ['$finishedAt', null] }, '$$ROOT', opened] } };
  }

  /** When it may be forgotten. */
  private withExpiry<C extends { readonly createdAt: Date }>(call: C): C & { readonly expiresAt: Date } {
    return { ...call, expiresAt: new Date(call.createdAt.getTime() + this.env.VPS_CALL_RETENTION_HOURS * HOUR_MS) };
  }
}
