import type { EngineName } from '@agentfleet/contracts';
import { Schema } from 'mongoose';

export interface StoredToolCall {
  readonly id: string;
  readonly name: string;
  /** JSON, since a model may use any keys. */
  readonly input_json: string;
  readonly problem: string | null;
  /** JSON: the provider's own fields of the call, sent back with it. Missing in older messages. */
  readonly own_json?: string;
}

/** A message of a session's transcript; `index` counts over all runs. It counts when its run's `next_message_index` lies behind it. */
export interface MessageDocument {
  readonly session_key: string;
  readonly index: number;
  readonly run_id: string;
  /** Of the executor that wrote it, see `writeAhead`. Missing in older messages. */
  readonly epoch?: number;
  readonly role: 'user' | 'assistant' | 'tool';
  readonly content: string;
  readonly context_json: string;
  readonly tool_calls: readonly StoredToolCall[];
  readonly tool_call_id: string | null;
  readonly tool_name: string | null;
  readonly is_error: boolean;
  readonly model: string | null;
  /** JSON: the provider's own fields of an answer (its thoughts), sent back with its calls. Missing in older messages. */
  readonly own_json?: string;
  readonly engine: EngineName;
  readonly created_at: Date;
}

export const MESSAGE_COLLECTION = 'gateway_messages';

export const MessageSchema = new Schema(
  { session_key: String, index: Number, run_id: String },
  { collection: MESSAGE_COLLECTION, strict: false, versionKey: false },
);
MessageSchema.index({ session_key: 1, index: 1 }, { unique: true });
