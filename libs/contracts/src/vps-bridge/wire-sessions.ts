import type { JsonObject } from '../platform/json';

export type VpsMessageRole = 'user' | 'assistant' | 'system';

export interface VpsSessionMessage {
  readonly timestamp: string;
  readonly role: VpsMessageRole;
  readonly content: string;
  readonly agent: string;
  readonly incomplete?: true;
}

export interface VpsSession {
  readonly session_id: string;
  readonly user_id: string;
  readonly created_at: string;
  readonly last_activity: string;
  readonly messages: readonly VpsSessionMessage[];
  readonly metadata: JsonObject;
  readonly total_messages: number;
}

export type VpsSessionItem = Omit<VpsSession, 'messages'>;

export interface VpsSessionList {
  readonly sessions: readonly VpsSessionItem[];
  readonly next_cursor: string | null;
}

/** Answer of `POST /api/vps/sessions/cleanup`. */
export interface VpsCleanup {
  readonly cleaned_up: number;
  readonly remaining_sessions: number;
}

/** Answer of `GET /api/vps/sessions/export`, and what `POST /api/vps/sessions/import` takes. */
export interface VpsSessionExport {
  readonly exported_at: string;
  readonly sessions: Readonly<Record<string, VpsSession>>;
  readonly total_sessions: number;
}

export interface VpsImported {
  readonly imported: number;
}

export interface VpsNumberedMessage extends VpsSessionMessage {
  readonly seq: number;
  readonly call_id: string | null;
}

export interface VpsMessagePage {
  readonly session_id: string;
  readonly total_messages: number;
  readonly messages: readonly VpsNumberedMessage[];
  readonly next_after_seq: number | null;
  readonly next_before_seq: number | null;
}
