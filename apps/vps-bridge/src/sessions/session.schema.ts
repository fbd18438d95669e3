import type { MessageRole } from '@agentfleet/sessions';
import { MongooseModule } from '@nestjs/mongoose';
import { Schema, type Types } from 'mongoose';

export const SESSIONS = 'VpsSession';
export const MESSAGES = 'VpsMessage';
export const REMOVED_SESSIONS = 'VpsRemovedSession';

export interface SessionDocument {
  /** The internal key on which messages hang, so that a deleted id can be used again at once. */
  readonly _id: Types.ObjectId;
  readonly orgId: string;
  readonly sessionId: string;
  readonly userId: string;
  readonly createdAt: Date;
  readonly lastActivity: Date;
  /** Stored form of the metadata: see `metadata.ts`. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Highest number of a message; since numbers have no gaps also how many there are. */
  readonly lastSeq: number;
}

export interface MessageDocument {
  readonly _id: Types.ObjectId;
  readonly sessionKey: Types.ObjectId;
  readonly seq: number;
  readonly role: MessageRole;
  readonly content: string;
  readonly agent: string;
  readonly callId: string | null;
  readonly timestamp: Date;
  readonly incomplete: boolean;
}

/** A session that is gone, under its internal key; its messages are removed when it is due, and once more when no call can bring any. */
export interface RemovedSessionDocument {
  readonly _id: Types.ObjectId;
  readonly dueAt: Date;
  /** Missing where no call ever knew the key. */
  readonly lastDueAt?: Date;
}

export const sessionSchema = new Schema({}, { collection: 'vps_sessions', strict: false });
sessionSchema.index({ orgId: 1, sessionId: 1 }, { unique: true });
sessionSchema.index({ orgId: 1, lastActivity: -1, _id: -1 });
sessionSchema.index({ orgId: 1, userId: 1, lastActivity: -1, _id: -1 });

export const messageSchema = new Schema({}, { collection: 'vps_messages', strict: false });
messageSchema.index({ sessionKey: 1, seq: 1 }, { unique: true });

sessionSchema.index({ lastActivity: 1 });

export const removedSessionSchema = new Schema({}, { collection: 'vps_removed_sessions', strict: false });
removedSessionSchema.index({ dueAt: 1 });

export const sessionStore = MongooseModule.forFeature([
  { name: SESSIONS, schema: sessionSchema },
  { name: MESSAGES, schema: messageSchema },
  { name: REMOVED_SESSIONS, schema: removedSessionSchema },
]);
