import type { VpsCircuitView, VpsHealthStatus } from './wire';

/** Facts of which the bridge notifies all replicas; they are already in MongoDB. Times are RFC 3339. */
export const VPS_NOTICES = {
  healthChanged: 'vps.health.changed',
  agentChanged: 'vps.agent.changed',
  sessionDeleted: 'vps.session.deleted',
} as const;

export interface VpsHealthChangedNotice {
  readonly orgId: string;
  readonly agentName: string;
  readonly from: VpsHealthStatus;
  readonly to: VpsHealthStatus;
  readonly circuit: VpsCircuitView;
  readonly at: string;
}

export const VPS_AGENT_CHANGES = ['registered', 'updated', 'deleted', 'reset'] as const;

export interface VpsAgentChangedNotice {
  readonly orgId: string;
  readonly agentName: string;
  readonly change: (typeof VPS_AGENT_CHANGES)[number];
  readonly at: string;
}

export interface VpsSessionDeletedNotice {
  readonly orgId: string;
  readonly sessionId: string;
  readonly at: string;
}
