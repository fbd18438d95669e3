import type { VpsCircuitView, VpsHealthStatus } from './wire';

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
