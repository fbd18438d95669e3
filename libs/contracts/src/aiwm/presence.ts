/** What an agent may say of itself in a heartbeat. */
export const AIWM_REPORTED_STATUSES = ['online', 'busy', 'idle'] as const;
export type AiwmReportedStatus = (typeof AIWM_REPORTED_STATUSES)[number];

export const AIWM_CONNECTION_STATUSES = [...AIWM_REPORTED_STATUSES, 'stale', 'offline', 'never_connected'] as const;
export type AiwmConnectionStatus = (typeof AIWM_CONNECTION_STATUSES)[number];

export const AIWM_PRESENCE_REASONS = [
  'never_connected',
  'connected',
  'heartbeat',
  'heartbeat_late',
  'controller_gap',
  'heartbeat_timeout',
  'disconnected',
  'suspended',
] as const;
export type AiwmPresenceReason = (typeof AIWM_PRESENCE_REASONS)[number];

/** Computed at the question, from facts. */
export interface AiwmPresence {
  readonly status: AiwmConnectionStatus;
  readonly since: string;
  readonly reason: AiwmPresenceReason;
  /** The agent's words at disconnect. */
  readonly detail: string | null;
  readonly lastHeartbeatAt: string | null;
  /** Null when offline or never connected. */
  readonly nextExpectedAt: string | null;
}

export interface AiwmPresenceTransition {
  readonly from: AiwmConnectionStatus;
  readonly to: AiwmConnectionStatus;
  readonly reason: AiwmPresenceReason;
  readonly detail: string | null;
  readonly at: string;
}

/** Answer of `GET /agents/{id}/presence-history`, newest first. */
export interface AiwmPresenceHistory {
  readonly data: readonly AiwmPresenceTransition[];
}
