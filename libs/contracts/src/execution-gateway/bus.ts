import type { GatewayRunState } from './rest';

export interface RunEventNotice {
  readonly orgId: string;
  readonly sessionId: string;
  readonly runId: string;
  readonly lastSeq: number;
}

export interface RunStateNotice {
  readonly orgId: string;
  readonly sessionId: string;
  readonly runId: string;
  readonly state: GatewayRunState;
}

export interface SessionDeletedNotice {
  readonly orgId: string;
  readonly sessionId: string;
}
