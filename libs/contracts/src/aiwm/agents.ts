import type { JsonObject } from '../platform/json';
import type { AiwmConnectionStatus, AiwmPresence } from './presence';
import type { AiwmInstruction } from './instructions';
import type { AiwmTenantFields } from './tenant';

export const AIWM_AGENT_STATUSES = ['active', 'inactive', 'busy', 'suspended'] as const;
export type AiwmAgentStatus = (typeof AIWM_AGENT_STATUSES)[number];
export const AIWM_AGENT_TYPES = ['autonomous', 'managed'] as const;
export type AiwmAgentType = (typeof AIWM_AGENT_TYPES)[number];

/** Body of `POST /agents`. */
export interface AiwmAgentCreate {
  readonly name: string;
  readonly description?: string;
  readonly status?: AiwmAgentStatus;
  /** Fixed after creation. */
  readonly type?: AiwmAgentType;
  readonly instructionId?: string | null;
  readonly nodeId?: string | null;
  readonly allowedToolIds?: readonly string[];
  readonly tags?: readonly string[];
  /** `"[redacted]"` keeps what is stored at that path. */
  readonly settings?: JsonObject;
  /** 16 to 72 bytes; absent: no credential until `regenerate`. */
  readonly secret?: string;
}
export type AiwmAgentUpdate = Partial<Omit<AiwmAgentCreate, 'secret'>>;

export interface AiwmAgentCredentials {
  readonly issuedAt: string | null;
  readonly lastUsedAt: string | null;
  readonly previousExpiresAt: string | null;
  readonly previousLastUsedAt: string | null;
}

/** An agent as users and keys read it: settings redacted, no secret. */
export interface AiwmAgent extends AiwmTenantFields {
  readonly _id: string;
  readonly name: string;
  readonly description: string;
  readonly status: AiwmAgentStatus;
  readonly type: AiwmAgentType;
  /** The document itself with `populate=instruction`. */
  readonly instructionId: string | AiwmInstruction | null;
  readonly nodeId: string | null;
  readonly allowedToolIds: readonly string[];
  readonly tags: readonly string[];
  readonly settings: JsonObject;
  readonly connectionStatus: AiwmConnectionStatus;
  readonly presence: AiwmPresence;
  readonly connectionCount: number;
  readonly lastConnectedAt: string | null;
  readonly lastHeartbeatAt: string | null;
  /** As last sent. */
  readonly metrics: JsonObject | null;
  readonly metricsAt: string | null;
  readonly configRevision: number;
  readonly credentials: AiwmAgentCredentials;
}

/** Body of `POST /agents/{id}/credentials/regenerate`. */
export interface AiwmRegenerateBody {
  /** How long the old secret and its tokens go on working; default 0. */
  readonly overlapSeconds?: number;
}

/** Answer of `POST /agents/{id}/credentials/regenerate`; the secret is shown only here. */
export interface AiwmRegenerated {
  readonly agentId: string;
  /** 64 hex digits. */
  readonly secret: string;
  readonly envConfig: string;
  readonly installScript: string;
  /** Only with an overlap. */
  readonly previousSecretExpiresAt?: string;
}
