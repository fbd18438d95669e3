import type { GatewayRunState, RunEndReason, RunLimits, RunProblem } from '@agentfleet/contracts';
import type { RunProgress } from '@agentfleet/engine';
import { Schema } from 'mongoose';

/** A wish to end a run; written first, then told to the executor. */
export interface CancelSignal {
  readonly kind: 'cancelled' | 'session_deleted';
  readonly reason: string;
  readonly by: string | null;
}

/** A run as it is stored; `_id` is the run id. */
export interface RunDocument {
  readonly _id: string;
  readonly org_id: string;
  readonly session_key: string;
  readonly session_id: string;
  readonly volume_id: string;
  /** Queued, running or waiting: at most one for a session. */
  readonly active: boolean;
  readonly state: GatewayRunState;
  readonly reason: RunEndReason | null;
  readonly engine: 'local';
  readonly model: string;
  readonly turn_id: string;
  readonly attempt: number;
  readonly takeovers_at_step: number;
  /** Rises with each claim; every write of an executor carries it. */
  readonly epoch: number;
  readonly executor: string | null;
  /** By the clock of MongoDB. */
  readonly lease_until: Date;
  readonly created_at: Date;
  readonly started_at: Date | null;
  readonly ended_at: Date | null;
  readonly first_seq: number;
  readonly last_seq: number;
  /** The last event of the last complete step: what came after it is superseded by a takeover. */
  readonly step_seq: number;
  readonly last_event_at: Date;
  /** Index of the session's next message. */
  readonly next_message_index: number;
  readonly progress: RunProgress;
  /** Time spent running, without waiting. */
  readonly active_ms: number;
  readonly idempotency_key?: string;
  readonly request_hash: string;
  readonly limits: RunLimits;
  readonly metadata_json: string;
  readonly output: string | null;
  readonly error: RunProblem | null;
  readonly cancel: CancelSignal | null;
}

export const RUN_COLLECTION = 'runs';

export const RunSchema = new Schema(
  { _id: String, org_id: String, session_key: String, active: Boolean, idempotency_key: String, lease_until: Date, created_at: Date },
  { collection: RUN_COLLECTION, strict: false, versionKey: false },
);
RunSchema.index({ session_key: 1 }, { unique: true, partialFilterExpression: { active: true }, name: 'one_active_run' });
RunSchema.index({ session_key: 1, idempotency_key: 1 }, { unique: true, partialFilterExpression: { idempotency_key: { $type: 'string' } } });
RunSchema.index({ session_key: 1, created_at: -1, _id: -1 });
RunSchema.index({ lease_until: 1 }, { partialFilterExpression: { active: true } });
