import {
  AIWM_NOTICES,
  CLUSTER_NOTICES,
  isJsonObject,
  PLATFORM_NOTICES,
  VPS_NOTICES,
  type AiwmEventData,
  type AiwmHealthEvent,
  type AiwmHealthSource,
} from '@agentfleet/contracts';
import { Controller } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { EventHub } from './event-hub';

/** Notices that go on to the dashboard. */
@Controller()
export class BusEventsController {
  constructor(private readonly hub: EventHub) {}

  @EventPattern(AIWM_NOTICES.presenceChanged)
  presence(@Payload() notice: unknown): void {
    this.forward('presence', notice, ['agentId', 'from', 'to', 'reason', 'at']);
  }

  @EventPattern(AIWM_NOTICES.configurationChanged)
  configuration(@Payload() notice: unknown): void {
    this.forward('config', notice, ['agentId', 'configRevision', 'at']);
  }

  @EventPattern(PLATFORM_NOTICES.auditRecorded)
  audit(@Payload() notice: unknown): void {
    this.forward('audit', notice, ['auditId', 'action', 'target', 'actor', 'at']);
  }

  @EventPattern(VPS_NOTICES.healthChanged)
  vpsHealth(@Payload() notice: unknown): void {
    this.forwardHealth(VPS_NOTICES.healthChanged, notice);
  }

  @EventPattern(CLUSTER_NOTICES.connected)
  clusterConnected(@Payload() notice: unknown): void {
    this.forwardHealth(CLUSTER_NOTICES.connected, notice);
  }

  @EventPattern(CLUSTER_NOTICES.disconnected)
  clusterDisconnected(@Payload() notice: unknown): void {
    this.forwardHealth(CLUSTER_NOTICES.disconnected, notice);
  }

  @EventPattern(CLUSTER_NOTICES.presenceChanged)
  clusterPresence(@Payload() notice: unknown): void {
    this.forwardHealth(CLUSTER_NOTICES.presenceChanged, notice);
  }

  @EventPattern(PLATFORM_NOTICES.userRevoked)
  userRevoked(@Payload() notice: unknown): void {
    if (isJsonObject(notice) && typeof notice['userId'] === 'string') this.hub.recheck(notice['userId']);
  }

  @EventPattern(PLATFORM_NOTICES.keyRevoked)
  keyRevoked(@Payload() notice: unknown): void {
    if (isJsonObject(notice) && typeof notice['keyId'] === 'string') this.hub.recheck(notice['keyId']);
  }

  @EventPattern(PLATFORM_NOTICES.keyRotated)
  keyRotated(@Payload() notice: unknown): void {
    this.keyRevoked(notice);
  }

  private forward<Type extends 'presence' | 'config' | 'audit'>(type: Type, notice: unknown, fields: readonly (keyof AiwmEventData[Type] & string)[]): void {
    if (!isJsonObject(notice) || typeof notice['orgId'] !== 'string') return; // nobody's: dropped
    const data = Object.fromEntries(['orgId', ...fields].map((field) => [field, notice[field]]));
    this.hub.publish(type, notice['orgId'], data);
  }

  private forwardHealth(source: AiwmHealthSource, notice: unknown): void {
    if (!isJsonObject(notice) || typeof notice['orgId'] !== 'string') return;
    const { orgId, ...data } = notice;
    const event: Record<keyof AiwmHealthEvent, unknown> = { orgId, source, data, at: notice['at'] ?? new Date().toISOString() };
    this.hub.publish('health', notice['orgId'], event, source);
  }
}
