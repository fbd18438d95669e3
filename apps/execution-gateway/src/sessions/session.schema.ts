import type { EngineName, RunLimits, RunUsage } from '@agentfleet/contracts';
import { Schema } from 'mongoose';

/** A session as it is stored. `_id` is the internal key that runs, events and messages hang on: ids may be used again. */
export interface SessionDocument {
  readonly _id: string;
  readonly org_id: string;
  readonly session_id: string;
  readonly user_id: string;
  readonly workspace_dir: string;
  /** True when the server chose the directory: it goes with the session. */
  readonly owns_workspace: boolean;
  /** Only replicas that see this volume may run the session. */
  readonly volume_id: string;
  /** JSON, since keys of callers may be anything. */
  readonly metadata_json: string;
  readonly tool_policy_json: string;
  readonly limits: RunLimits;
  /** Missing in older sessions: the default engine. */
  readonly engine?: EngineName;
  /** Null: the default model, whatever it is at the time. */
  readonly model: string | null;
  readonly created_at: Date;
  readonly last_run_id: string | null;
  /** Of all runs before the last, and of the last one where that says so (`is_counted`). */
  readonly usage: RunUsage;
  readonly is_deleted: boolean;
  readonly deleted_at: Date | null;
  /** Replica that removes what is left of it, and its lease. */
  readonly removal_by: string | null;
  readonly removal_until: Date;
}

export const SESSION_COLLECTION = 'gateway_sessions';

export const SessionSchema = new Schema(
  { _id: String, org_id: String, session_id: String, user_id: String, is_deleted: Boolean, deleted_at: Date, created_at: Date },
  { collection: SESSION_COLLECTION, strict: false, versionKey: false },
);
SessionSchema.index({ org_id: 1, session_id: 1 }, { unique: true, partialFilterExpression: { is_deleted: false } });
SessionSchema.index({ org_id: 1, is_deleted: 1, created_at: -1, _id: -1 });
SessionSchema.index({ org_id: 1, is_deleted: 1, user_id: 1, created_at: -1, _id: -1 });
SessionSchema.index({ is_deleted: 1, deleted_at: 1 });
