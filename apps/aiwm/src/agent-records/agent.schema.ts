import type { AiwmAgentStatus, AiwmAgentType } from '@agentfleet/contracts';
import { Schema } from 'mongoose';
import type { TenantDocument } from '../tenancy/tenant.schema';

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

export const AGENTS = 'agents';
export const agentSchema = new Schema<AgentDocument>({ orgId: String }, { collection: AGENTS, strict: false, versionKey: false })
  .index({ orgId: 1, isDeleted: 1, createdAt: -1 })
  .index({ instructionId: 1 })
  .index({ nodeId: 1 })
  .index({ allowedToolIds: 1 });
