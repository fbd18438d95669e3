import { PLATFORM_NOTICES } from '@agentfleet/contracts';
import { Controller } from '@nestjs/common';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { AgentRepository } from '../agents/agent.repository';
import { withoutSecrets } from '../agents/settings';
import { ConnectAgent } from '../connection/connect-agent';
import { isObjectId, isPlainObject } from '../resources/validation';
import { EventHub, type EventType } from './event-hub';

/** What comes over the bus: notices that go on to the dashboard, and the gateway's question for a configuration. */
@Controller()
export class BusEventsController {
  constructor(
    private readonly hub: EventHub,
    private readonly agents: AgentRepository,
    private readonly connectAgent: ConnectAgent,
  ) {}

  @EventPattern('agent.presence.changed')
  presence(@Payload() notice: unknown): void {
    this.forward('presence', notice, ['agentId', 'from', 'to', 'reason', 'at']);
  }

  @EventPattern('agent.configuration.changed')
  configuration(@Payload() notice: unknown): void {
    this.forward('config', notice, ['agentId', 'configRevision', 'at']);
  }

  @EventPattern(PLATFORM_NOTICES.auditRecorded)
  audit(@Payload() notice: unknown): void {
    this.forward('audit', notice, ['auditId', 'action', 'target', 'actor', 'at']);
  }

  @EventPattern('vps.health.changed')
  vpsHealth(@Payload() notice: unknown): void {
    this.forwardHealth('vps.health.changed', notice);
  }

  @EventPattern('cluster.connected')
  clusterConnected(@Payload() notice: unknown): void {
    this.forwardHealth('cluster.connected', notice);
  }

  @EventPattern('cluster.disconnected')
  clusterDisconnected(@Payload() notice: unknown): void {
    this.forwardHealth('cluster.disconnected', notice);
  }

  @EventPattern('cluster.presence.changed')
  clusterPresence(@Payload() notice: unknown): void {
    this.forwardHealth('cluster.presence.changed', notice);
  }

  @EventPattern(PLATFORM_NOTICES.userRevoked)
  userRevoked(@Payload() notice: unknown): void {
    if (isPlainObject(notice) && typeof notice['userId'] === 'string') this.hub.recheck(notice['userId']);
  }

  @EventPattern(PLATFORM_NOTICES.keyRevoked)
  keyRevoked(@Payload() notice: unknown): void {
    if (isPlainObject(notice) && typeof notice['keyId'] === 'string') this.hub.recheck(notice['keyId']);
  }

  @EventPattern(PLATFORM_NOTICES.keyRotated)
  keyRotated(@Payload() notice: unknown): void {
    this.keyRevoked(notice);
  }

  /** What an agent is handed, without the settings that hold secrets: the bus is no place for them. It is no connect. */
  @MessagePattern('aiwm.agent.configuration.{replica}')
  async agentConfiguration(@Payload() question: unknown): Promise<object> {
    if (!isPlainObject(question) || !isObjectId(question['agentId']) || !isObjectId(question['orgId'])) return { found: false };
    const agent = await this.agents.documents.find({ orgId: question['orgId'] }, question['agentId']);
    if (!agent) return { found: false };
    const { settings, agent: _named, ...delivered } = await this.connectAgent.deliver(agent);
    return {
      found: true,
      agent: { id: question['agentId'], name: agent.name, status: agent.status },
      configRevision: agent.configRevision,
      mcpServers: {},
      ...delivered,
      settings: withoutSecrets(settings),
    };
  }

  private forward(type: EventType, notice: unknown, fields: readonly string[]): void {
    if (!isPlainObject(notice) || typeof notice['orgId'] !== 'string') return; // nobody's: dropped
    const data = Object.fromEntries(['orgId', ...fields].map((field) => [field, notice[field]]));
    this.hub.publish(type, notice['orgId'], data);
  }

  private forwardHealth(source: string, notice: unknown): void {
    if (!isPlainObject(notice) || typeof notice['orgId'] !== 'string') return;
    const { orgId, ...data } = notice;
    this.hub.publish('health', notice['orgId'], { orgId, source, data, at: notice['at'] ?? new Date().toISOString() }, source);
  }
}
