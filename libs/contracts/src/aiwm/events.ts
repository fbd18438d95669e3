import type { AuditRecordedNotice } from '../platform/bus';
import type { JsonObject } from '../platform/json';
import type { AiwmConfigurationChangedNotice, AiwmPresenceChangedNotice } from './bus';

/** What `GET /events?types=…` may ask for. */
export const AIWM_EVENT_TYPES = ['presence', 'health', 'audit', 'config'] as const;
export type AiwmEventType = (typeof AIWM_EVENT_TYPES)[number];

export const AIWM_HEALTH_SOURCES = ['vps.health.changed', 'cluster.connected', 'cluster.disconnected', 'cluster.presence.changed'] as const;
/** Notices of other apps that go on as `health`. */
export type AiwmHealthSource = (typeof AIWM_HEALTH_SOURCES)[number];

export interface AiwmHealthEvent {
  readonly orgId: string;
  readonly source: AiwmHealthSource;
  /** The notice without its organization. */
  readonly data: JsonObject;
  readonly at: string;
}

export type AiwmStreamEndReason = 'token_expired' | 'revoked' | 'slow_consumer' | 'shutdown';

/** Events of `GET /events`, by name. Nothing is replayed: after each `ready` the lists are read anew. */
export interface AiwmEventData {
  readonly ready: { readonly at: string; readonly replica: string };
  readonly presence: AiwmPresenceChangedNotice;
  readonly config: AiwmConfigurationChangedNotice;
  readonly audit: AuditRecordedNotice;
  readonly health: AiwmHealthEvent;
  readonly degraded: { readonly reason: 'bus' };
  readonly end: { readonly reason: AiwmStreamEndReason };
}
