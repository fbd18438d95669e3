import { Schema } from 'mongoose';
import type { PresenceTransition } from './presence.schema';

const KEPT_S = 30 * 86_400;

export type PresenceHistoryDocument = PresenceTransition & { readonly _id: string; readonly agentId: string; readonly orgId: string };

export const PRESENCE_HISTORY = 'presence_history';
export const presenceHistorySchema = new Schema<PresenceHistoryDocument>({ _id: String }, { collection: PRESENCE_HISTORY, strict: false, versionKey: false })
  .index({ agentId: 1, at: -1 })
  .index({ at: 1 }, { expireAfterSeconds: KEPT_S });
