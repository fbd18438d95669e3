import type {
  AiwmConfigurationChangedNotice,
  AiwmHealthSource,
  AiwmPresenceChangedNotice,
  AuditRecordedNotice,
  ClusterConnectedNotice,
  ClusterDisconnectedNotice,
  ClusterPresenceChangedNotice,
  VpsHealthChangedNotice,
} from '@agentfleet/contracts';
import { OnNotice } from '@agentfleet/platform';
import { Controller } from '@nestjs/common';
import { EventHub } from './event-hub';

/** Notices that go on to the dashboard. */
@Controller()
export class BusEventsController {
  constructor(private readonly hub: EventHub) {}

  @OnNotice('agent.presence.changed')
  presence(notice: AiwmPresenceChangedNotice): void {
    this.hub.publish('presence', notice);
  }

  @OnNotice('agent.configuration.changed')
  configuration(notice: AiwmConfigurationChangedNotice): void {
    this.hub.publish('config', notice);
  }

  @OnNotice('audit.recorded')
  audit(notice: AuditRecordedNotice): void {
    this.hub.publish('audit', notice);
  }

  @OnNotice('vps.health.changed')
  vpsHealth(notice: VpsHealthChangedNotice): void {
    this.health('vps.health.changed', notice);
  }

  @OnNotice('cluster.connected')
  clusterConnected(notice: ClusterConnectedNotice): void {
    this.health('cluster.connected', notice);
  }

  @OnNotice('cluster.disconnected')
  clusterDisconnected(notice: ClusterDisconnectedNotice): void {
    this.health('cluster.disconnected', notice);
  }

  @OnNotice('cluster.presence.changed')
  clusterPresence(notice: ClusterPresenceChangedNotice): void {
    this.health('cluster.presence.changed', notice);
  }

  private health(source: AiwmHealthSource, { orgId, ...data }: { readonly orgId: string; readonly at: string } & object): void {
    this.hub.publish('health', { orgId, source, data: { ...data }, at: data.at });
  }
}
