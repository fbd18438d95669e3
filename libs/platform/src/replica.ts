export const ENV = Symbol('ENV');
export const REPLICA = Symbol('REPLICA');

/** This process among the replicas of its app. */
export interface Replica {
  /** `<app>-<8 hex digits>`, new at each start. */
  readonly id: string;
  readonly app: string;
  /** Where other replicas reach it, without a trailing slash; known once the port is. */
  internalUrl: string;
  readonly version: string;
  readonly gitCommit: string;
  readonly startedAt: Date;
}
