import type { AiwmConnectionStatus, AiwmPresenceReason, AiwmReportedStatus } from '@agentfleet/contracts';
import { Schema, type Types } from 'mongoose';

/** Facts of a connection: written by connects and heartbeats, so that they never touch the agent's own document. */
export interface AgentPresenceDocument {
  readonly _id: Types.ObjectId;
  readonly orgId: string;
  readonly createdAt: Date;
  readonly connectionCount: number;
  readonly lastConnectedAt: Date | null;
  readonly lastHeartbeatAt: Date | null;
  /** `jti` of the token that the newest connect got: only its disconnect counts. Absent in records of earlier versions. */
  readonly newestTokenId?: string;
  /** What the agent last said, or `online` after a connect. */
  readonly reportedStatus: AiwmReportedStatus;
  /** Since when it has been in that status without a break. */
  readonly reportedSince: Date | null;
  readonly disconnectedAt: Date | null;
  readonly disconnectReason: string | null;
  /** JSON text exactly as sent. */
  readonly metrics: string | null;
  readonly metricsAt: Date | null;
  readonly secretLastUsedAt: Date | null;
  readonly previousSecretLastUsedAt: Date | null;
  /** HMACs of secrets that bcrypt accepted: `keyId:hex`, at most one for each stored hash. */
  readonly remembered: readonly string[];
  /** Presence as last recorded, and since when. */
  readonly shownStatus?: AiwmConnectionStatus;
  readonly shownAt?: Date;
  /** A change that is claimed but perhaps not in the history yet. */
  readonly unwritten?: PresenceTransition | null;
  /** The agent was deleted. */
  readonly isGone?: boolean;
}

/** One change of an agent's presence. */
export interface PresenceTransition {
  readonly from: AiwmConnectionStatus;
  readonly to: AiwmConnectionStatus;
  readonly reason: AiwmPresenceReason;
  /** The agent's words at disconnect. */
  readonly detail: string | null;
  readonly at: Date;
}

export const AGENT_PRESENCE = 'agent_presence';
export const agentPresenceSchema = new Schema<AgentPresenceDocument>(
  { orgId: String },
  { collection: AGENT_PRESENCE, strict: false, versionKey: false },
).index({ orgId: 1, lastHeartbeatAt: -1 });
