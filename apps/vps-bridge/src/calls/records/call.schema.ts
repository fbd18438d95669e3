import type { VpsCallKind, VpsCallStatus, VpsKeptCallResult } from '@agentfleet/contracts';
import { MongooseModule } from '@nestjs/mongoose';
import { Schema } from 'mongoose';

export const CALLS = 'VpsCall';

/** What an asynchronous call needs to be started, by whichever replica; dropped when it has ended. */
export interface StoredRequest {
  readonly prompt: string;
  /** As JSON text: MongoDB would refuse or change some keys and numbers. */
  readonly metadata: string | null;
  readonly includeHistory: boolean;
  readonly deadlineSeconds: number | null;
  readonly callerId: string;
  readonly correlationId: string | null;
  readonly traceparent: string | null;
}

export interface CallDocument {
  /** The call's id; it begins with its time, so that the order of ids is that of calls. */
  readonly _id: string;
  readonly orgId: string;
  readonly kind: VpsCallKind;
  readonly status: VpsCallStatus;
  readonly agentName: string;
  readonly sessionId: string | null;
  readonly userId: string | null;
  readonly createdAt: Date;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
  readonly result: VpsKeptCallResult | null;
  readonly expiresAt: Date;
  readonly request?: StoredRequest;
  readonly idempotencyKey?: string;
  readonly requestHash?: string;
  /** The whole configured chain, for the case that the replica dies and nobody knows how the call ended. */
  readonly chain?: readonly string[];
  /** It ended before any agent was contacted; a repetition with its key goes on with it. */
  readonly refused?: true;
  /** True until the call has ended; such calls belong to a replica as long as its lease lives. */
  readonly open?: true;
  readonly holder?: string;
  /** By the clock of the database. */
  readonly leaseUntil?: Date;
  /** An agent may have been contacted: from here on the call is never started again. */
  readonly attempted?: boolean;
}

export const callSchema = new Schema({}, { collection: 'vps_calls', strict: false });
callSchema.index({ orgId: 1, _id: -1 });
callSchema.index({ orgId: 1, idempotencyKey: 1 }, { unique: true, partialFilterExpression: { idempotencyKey: { $exists: true } } });
callSchema.index({ leaseUntil: 1 }, { partialFilterExpression: { open: true } });
callSchema.index({ expiresAt: 1 }, { expireAfterSeconds: 0 });

export const callStore = MongooseModule.forFeature([{ name: CALLS, schema: callSchema }]);
