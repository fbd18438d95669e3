export { AddressPolicy, isCidr } from './addresses/address-policy';
export { ADDRESS_DENIED, CheckedConnector } from './addresses/checked-connector';
export { judgeHost } from './addresses/host';
export type { AppDefinition, ErrorRenderer, HttpRules, RenderableError, RenderedError } from './app-definition';
export { Changes, type Changed, type ChangedTarget } from './changes';
export { bootApp, EnvError, openApiOf, type BootOptions, type RunningApp } from './boot-app';
export { Bus, type ReplicaAnnouncement } from './bus/bus';
export { OnNotice } from './bus/on-notice';
export {
  choice,
  defineEnv,
  flag,
  httpUrl,
  integer,
  json,
  list,
  text,
  type EnvDefinition,
  type EnvOf,
  type EnvProblem,
} from './env/define-env';
export { checkOrigin, isWildcardHost, platformVariables, type PlatformEnv } from './env/platform-variables';
export { Authenticated, BodyKeys, BodyLimit, CurrentCaller, Needs, NoBody, Public, StreamedBodies, type RouteRules } from './http/access';
export { decodeCursor, encodeCursor } from './http/cursor';
export { errorDocs, type DocumentedError } from './http/error-docs';
export { asAppError } from './failures/as-app-error';
export { EVENT_STREAM_HEADERS, EventStream, EventStreams, type StreamLoss } from './http/event-streams';
export { HealthChecks, type Checks } from './http/operations.controller';
export { Nested, validationFailed } from './http/validation';
export { hasAnyScope, SYSTEM_ACTOR, type Caller } from './identity/caller';
export { FieldCipher } from './identity/field-cipher';
export { Identity, type StaticKey } from './identity/identity';
export { IdentityStore } from './identity/identity-store';
export type { InternalClaims } from './internal/claims';
export { InternalClient, type InternalRequest } from './internal/internal-client';
export { inTime } from './in-time';
export { CurrentClaims, InternalRoute } from './internal/internal-routes';
export { Directory, type DirectoryOptions } from './directory';
export { fingerprintOf, IDEMPOTENCY_KEY_RULE, requireSameRequest } from './idempotency/idempotency-key';
export { IdempotencyModule, Idempotent } from './idempotency/idempotent';
export { Leases } from './leases';
export { SlidingWindow } from './limits/sliding-window';
export { Replicas, type LiveReplica, type Outage } from './replicas';
export { HeldLease, type HeldLeasePorts, type HeldLeaseRules } from './work/held-lease';
export { WorkLease, type LeaseFields, type WorkLeaseRules } from './work/work-lease';
export { GroupCommit, type Answers, type GroupCommitOptions } from './writing/group-commit';
export { LatestWriter, type LatestWriterOptions } from './writing/latest-writer';
export { Lifecycle, type LifecycleState } from './lifecycle';
export { LiveCaller, LiveCallers, type LostRights } from './live/live-callers';
export { isDuplicateKey, isStorageUnavailable } from './failures/mongo-errors';
export { collection, MAJORITY } from './mongo/collection';
export { refusedOperations, withPlainErrors, type RefusedOperation } from './failures/bulk-errors';
export { RecurringWork, type RecurringOptions } from './recurring-work';
export { Transactions, type Transaction } from './mongo/transactions';
export { CLOCK, systemClock, type Clock } from './observe/clock';
export { LOG, type Log } from './observe/log';
export { Metrics } from './observe/metrics';
export { currentContext, runInContext, type RequestContext } from './observe/request-context';
export { ENV, REPLICA, type Replica } from './replica';
export { OnBinaryFrame, OnFrame } from './sockets/on-frame';
export { closeHard } from './sockets/heartbeat-ring';
export { SocketGateway } from './sockets/socket-gateway';
export {
  FleetSocket,
  type FrameProblem,
  type PauseReason,
  type SocketLimits,
  type SocketPolicy,
  type SocketRoute,
  type UpgradeDecision,
  type UpgradeRequest,
} from './sockets/socket-types';
export { startApp } from './start-app';
export { VERSION } from './version';
