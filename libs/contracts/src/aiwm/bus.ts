import type { JsonObject } from '../platform/json';
import type { AiwmAgentStatus } from './agents';
import type { AiwmDelivered, AiwmMcpServer } from './connection';
import type { AiwmConnectionStatus, AiwmPresenceReason } from './presence';

export interface AiwmPresenceChangedNotice {
  readonly orgId: string;
  readonly agentId: string;
  readonly from: AiwmConnectionStatus;
  readonly to: AiwmConnectionStatus;
  readonly reason: AiwmPresenceReason;
  readonly at: string;
}

export interface AiwmConfigurationChangedNotice {
  readonly orgId: string;
  readonly agentId: string;
  readonly configRevision: number;
  readonly at: string;
}

/** Payload of `signing-keys.changed`; it concerns all organizations. */
export interface SigningKeysChangedNotice {
  readonly kid: string;
  readonly at: string;
}

/** Request to one replica of AIWM, whose id follows after a dot: what is an agent handed? It counts as no connect. */
export const AIWM_CONFIGURATION_PATTERN = 'aiwm.agent.configuration';

export interface AiwmConfigurationQuestion {
  readonly orgId: string;
  readonly agentId: string;
}

/** Not found: unknown, deleted or of another organization. */
export type AiwmConfigurationReply =
  | { readonly found: false }
  | {
      readonly found: true;
      readonly agent: { readonly id: string; readonly name: string; readonly status: AiwmAgentStatus };
      readonly configRevision: number;
      readonly instruction: string;
      readonly tools: AiwmDelivered['tools'];
      readonly mcpServers: Readonly<Record<string, AiwmMcpServer>>;
      /** Without those that reads redact: the bus is no place for secrets. */
      readonly settings: JsonObject;
    };
