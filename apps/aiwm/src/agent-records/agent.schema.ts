import type { AiwmAgentStatus, AiwmAgentType, AiwmConnectionStatus, AiwmPresenceReason, AiwmReportedStatus } from '@agentfleet/contracts';
import { Schema, type Types } from 'mongoose';
import type { TenantDocument } from '../tenancy/tenant-collection.repository';

/** One secret of an agent. */
export interface AgentCredential {
  readonly hash: string;
  /** Made by `regenerate` (32 random bytes), never chosen by people: only such a success is remembered. */
  readonly generated: boolean;
  readonly issuedAt: Date;
  /** Null for the current one; the end of the overlap for the previous one. */
  readonly expiresAt: Date | null;
}

export interface AgentDocument extends TenantDocument {
  readonly name: string;
  readonly description: string;
  readonly status: AiwmAgentStatus;
  readonly statusChangedAt: Date;
  /** When it was last taken out of `suspended`; absent when it never was. */
  readonly suspensionEndedAt?: Date;
  readonly type: AiwmAgentType;
  readonly instructionId: string | null;
  readonly nodeId: string | null;
  readonly allowedToolIds: readonly string[];
  readonly tags: readonly string[];
  /** Encrypted JSON text, so that its keys never meet MongoDB. */
  readonly settings: string;
  readonly credential: AgentCredential | null;
  readonly previousCredential: AgentCredential | null;
  readonly tokenVersion: number;
  readonly previousTokenVersion: number | null;
  readonly previousValidUntil: Date | null;
  readonly configRevision: number;
}

export const AGENTS = 'Agent';
export const agentSchema = new Schema<AgentDocument>({ orgId: String }, { collection: 'agents', strict: false, versionKey: false })
  .index({ orgId: 1, isDeleted: 1, createdAt: -1 })
  .index({ instructionId: 1 })
  .index({ nodeId: 1 })
  .index({ allowedToolIds: 1 });

/** Facts of a connection: written by connects and heartbeats, so that they never touch the agent's own document. */
export interface AgentPresenceDocument {
  readonly _id: Types.ObjectId;
  readonly orgId: string;
  readonly createdAt: Date;
  readonly connectionCount: number;
  readonly lastConnectedAt: Date | null;
  readonly lastHeartbeatAt: Date | null;
  /** `jti` of the token that the newest connect got: only it can say goodbye. Absent in records of earlier versions. */
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
  /** Presence as last told of, and since when. */
  readonly shownStatus?: AiwmConnectionStatus;
  readonly shownAt?: Date;
  /** A change that is taken but perhaps not in the history yet. */
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

export const AGENT_PRESENCE = 'AgentPresence';
export const agentPresenceSchema = new Schema<AgentPresenceDocument>(
  { orgId: String },
  { collection: 'agent_presence', strict: false, versionKey: false },
).index({ orgId: 1, lastHeartbeatAt: -1 });

/** `[from, to]`: no replica could take heartbeats. */
export interface ControllerGap {
  readonly from: Date;
  readonly to: Date;
}
export interface ControllerClockDocument {
  readonly _id: string;
  readonly lastAliveAt: Date;
  readonly gaps: readonly ControllerGap[];
}
export const CONTROLLER_CLOCK = 'ControllerClock';
export const controllerClockSchema = new Schema<ControllerClockDocument>(
  { _id: String },
  { collection: 'controller_clock', strict: false, versionKey: false },
);
