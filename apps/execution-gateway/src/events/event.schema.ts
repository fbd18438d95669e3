import { Schema } from 'mongoose';

/** An entry of a session's log; it counts when its run's `last_seq` reaches so far. `frame` is the text that everybody gets, now and in every replay. */
export interface EventDocument {
  readonly session_key: string;
  readonly seq: number;
  readonly run_id: string;
  /** Of the executor that wrote it, see `writeAhead`. Missing in older events. */
  readonly epoch?: number;
  readonly type: string;
  readonly frame: string;
  readonly at: Date;
}

export const EVENT_COLLECTION = 'run_events';

export const EventSchema = new Schema(
  { session_key: String, seq: Number, run_id: String },
  { collection: EVENT_COLLECTION, strict: false, versionKey: false },
);
EventSchema.index({ session_key: 1, seq: 1 }, { unique: true });
