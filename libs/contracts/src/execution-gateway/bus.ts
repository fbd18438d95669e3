import type { GatewayRunState } from './rest';

/** Notices of the execution gateway: facts that are already stored. */
export const GATEWAY_NOTICES = {
  runEvent: 'run.event',
  runState: 'run.state',
  sessionDeleted: 'session.deleted',
} as const;

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
