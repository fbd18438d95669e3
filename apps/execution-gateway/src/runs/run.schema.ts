import type { EngineName, RunLimits } from '@agentfleet/contracts';
import { Schema } from 'mongoose';
import { RUN_COLLECTION, type LastRun } from '../sessions/last-run.repository';

/** What somebody asks of a run. It is stored first; whoever executes the run hears of it and acts on it, in the order of the list. */
export type RequestOnRun = { readonly by: string | null; readonly at: Date } & (
  | { readonly kind: 'cancel'; readonly reason: string; readonly ends_as: 'cancelled' | 'session_deleted' }
  | { readonly kind: 'pause' }
  | { readonly kind: 'answer'; readonly input_id: string; readonly response_json: string }
);
export type CancelRequest = Extract<RequestOnRun, { kind: 'cancel' }>;

/** A run as it is stored; `_id` is the run id. */
export interface RunDocument extends LastRun {
  readonly org_id: string;
  readonly session_id: string;
  readonly volume_id: string;
  readonly engine: EngineName;
  readonly model: string;
  readonly turn_id: string;
  readonly attempt: number;
  readonly takeovers_at_step: number;
  /** Rises with each claim and from run to run of a session; every write of an executor carries it. */
  readonly epoch: number;
  readonly executor: string | null;
  /** By the clock of MongoDB. */
  readonly lease_until: Date;
  readonly created_at: Date;
  readonly ended_at: Date | null;
  readonly first_seq: number;
  /** The last event of the last complete step: what came after it is superseded by a takeover. */
  readonly step_seq: number;
  readonly last_event_at: Date;
  /** Time spent running, without waiting. */
  readonly active_ms: number;
  readonly idempotency_key?: string;
  readonly request_hash: string;
  readonly limits: RunLimits;
  readonly metadata_json: string;
  readonly output: string | null;
  /** Missing in older runs. */
  readonly requests?: readonly RequestOnRun[];
}

export const RunSchema = new Schema(
  { _id: String, org_id: String, session_key: String, active: Boolean, idempotency_key: String, lease_until: Date, created_at: Date },
  { collection: RUN_COLLECTION, strict: false, versionKey: false },
);
RunSchema.index({ session_key: 1 }, { unique: true, partialFilterExpression: { active: true }, name: 'one_active_run' });
RunSchema.index({ session_key: 1, idempotency_key: 1 }, { unique: true, partialFilterExpression: { idempotency_key: { $type: 'string' } } });
RunSchema.index({ session_key: 1, created_at: -1, _id: -1 });
RunSchema.index({ lease_until: 1 }, { partialFilterExpression: { active: true } });
