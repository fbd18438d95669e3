import type { AiwmConfigurationChangedNotice, AiwmPresenceChangedNotice, SigningKeysChangedNotice } from './aiwm/bus';
import { AIWM_CONNECTION_STATUSES, AIWM_PRESENCE_REASONS } from './aiwm/presence';
import { CLUSTER_TRANSPORTS } from './cluster-agent/messages';
import type {
  ClusterConnectedNotice,
  ClusterDeletedNotice,
  ClusterDisconnectedNotice,
  ClusterPresenceChangedNotice,
  ClusterRegisteredNotice,
  ClusterSupersededNotice,
} from './cluster-agent/notices';
import type { RunEventNotice, RunStateNotice, SessionDeletedNotice } from './execution-gateway/bus';
import { RUN_STATES } from './execution-gateway/rest';
import { AUDIT_ACTOR_KINDS } from './platform/bus';
import type { AgentRevokedNotice, AuditRecordedNotice, KeyNotice, KeyUsedNotice, OrganizationDeletedNotice, UserRevokedNotice } from './platform/bus';
import { choice, listOf, mapOf, nullOr, object, optional, record, REFUSED, text, truth, wholeNumber, type Read, type Shape } from './platform/shape';
import { VPS_AGENT_CHANGES } from './vps-bridge/notices';
import type { VpsAgentChangedNotice, VpsHealthChangedNotice, VpsSessionDeletedNotice } from './vps-bridge/notices';
import { VPS_CIRCUIT_STATES, VPS_HEALTH_STATUSES } from './vps-bridge/wire-health';

/** Every notice on the bus: its pattern and what it carries. A new notice has a line here and its shape below. */
export interface NoticeMap {
  readonly 'audit.recorded': AuditRecordedNotice;
  readonly 'key.used': KeyUsedNotice;
  readonly 'key.revoked': KeyNotice;
  readonly 'key.rotated': KeyNotice;
  readonly 'key.changed': KeyNotice;
  readonly 'user.revoked': UserRevokedNotice;
  readonly 'agent.revoked': AgentRevokedNotice;
  readonly 'organization.deleted': OrganizationDeletedNotice;
  readonly 'signing-keys.changed': SigningKeysChangedNotice;
  readonly 'agent.presence.changed': AiwmPresenceChangedNotice;
  readonly 'agent.configuration.changed': AiwmConfigurationChangedNotice;
  readonly 'vps.health.changed': VpsHealthChangedNotice;
  readonly 'vps.agent.changed': VpsAgentChangedNotice;
  readonly 'vps.session.deleted': VpsSessionDeletedNotice;
  readonly 'cluster.registered': ClusterRegisteredNotice;
  readonly 'cluster.connected': ClusterConnectedNotice;
  readonly 'cluster.disconnected': ClusterDisconnectedNotice;
  readonly 'cluster.presence.changed': ClusterPresenceChangedNotice;
  readonly 'cluster.deleted': ClusterDeletedNotice;
  readonly 'cluster.superseded': ClusterSupersededNotice;
  readonly 'run.event': RunEventNotice;
  readonly 'run.state': RunStateNotice;
  readonly 'session.deleted': SessionDeletedNotice;
}
export type NoticePattern = keyof NoticeMap;

const nullableText = nullOr(text);
const key = { keyId: text, at: text, previousValidUntil: optional(nullableText) };
const status = choice(AIWM_CONNECTION_STATUSES);
const health = choice(VPS_HEALTH_STATUSES);
const clusterAgent = { clusterId: text, agentId: text, epoch: wholeNumber, at: text };

/** A notice that does not say whose it is is refused. */
function ofOrganization<T extends { readonly orgId: string }>(shape: Shape<Omit<T, 'orgId'>>): Read<T> {
  const orgId: Read<string> = (value) => (value === '' ? REFUSED : text(value));
  return record({ orgId, ...shape } as Shape<T>); // the compiler cannot add up Omit and the field itself
}

const READS: { readonly [P in NoticePattern]: Read<NoticeMap[P]> } = {
  'audit.recorded': ofOrganization({
    auditId: text,
    action: text,
    target: record({ type: text, id: text, name: text }),
    actor: record({ kind: choice(AUDIT_ACTOR_KINDS), id: text, name: text }),
    at: text,
  }),
  'key.used': ofOrganization({ keyIds: listOf(text), at: text }),
  'key.revoked': ofOrganization(key),
  'key.rotated': ofOrganization(key),
  'key.changed': ofOrganization(key),
  'user.revoked': ofOrganization({ userId: text, tokenVersion: wholeNumber, at: text }),
  'agent.revoked': ofOrganization({ agentId: text, tokenVersion: wholeNumber, previousValidUntil: nullableText, reason: text, at: text }),
  'organization.deleted': ofOrganization({ at: text }),
  'signing-keys.changed': record({ kid: text, at: text }),
  'agent.presence.changed': ofOrganization({ agentId: text, from: status, to: status, reason: choice(AIWM_PRESENCE_REASONS), at: text }),
  'agent.configuration.changed': ofOrganization({ agentId: text, configRevision: wholeNumber, at: text }),
  'vps.health.changed': ofOrganization({
    agentName: text,
    from: health,
    to: health,
    circuit: record({ state: choice(VPS_CIRCUIT_STATES), opened_at: nullableText, retry_at: nullableText }),
    at: text,
  }),
  'vps.agent.changed': ofOrganization({ agentName: text, change: choice(VPS_AGENT_CHANGES), at: text }),
  'vps.session.deleted': ofOrganization({ sessionId: text, at: text }),
  'cluster.registered': ofOrganization({
    clusterId: text,
    agentId: text,
    name: text,
    k8sVersion: nullableText,
    hostname: nullableText,
    agentVersion: nullableText,
    serverIp: nullableText,
    region: nullableText,
    cloudProvider: nullableText,
    serverSpecs: nullOr(object),
    labels: mapOf(text),
    created: truth,
    at: text,
  }),
  'cluster.connected': ofOrganization({ ...clusterAgent, name: text, replicaId: nullableText, transport: choice(CLUSTER_TRANSPORTS), features: object }),
  'cluster.disconnected': ofOrganization({ ...clusterAgent, name: text, reason: nullableText, closeCode: nullOr(wholeNumber) }),
  'cluster.presence.changed': ofOrganization({ ...clusterAgent, from: nullableText, to: nullableText, reason: nullableText }),
  'cluster.deleted': ofOrganization({ clusterId: text, at: text }),
  'cluster.superseded': ofOrganization({ clusterId: text, epoch: wholeNumber }),
  'run.event': ofOrganization({ sessionId: text, runId: text, lastSeq: wholeNumber }),
  'run.state': ofOrganization({ sessionId: text, runId: text, state: choice(RUN_STATES) }),
  'session.deleted': ofOrganization({ sessionId: text }),
};

/**
 * What a notice of the bus carries: the fields of its type and no others. Undefined when one is missing or wrong, or when it
 * does not say whose it is: such a notice is dropped, since notices may be lost anyway and come from outside the process.
 */
export function readNotice<P extends NoticePattern>(pattern: P, payload: unknown): NoticeMap[P] | undefined {
  const notice = READS[pattern](payload);
  return notice === REFUSED ? undefined : notice;
}
