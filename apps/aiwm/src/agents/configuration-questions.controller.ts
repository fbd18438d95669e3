import { AIWM_CONFIGURATION_PATTERN, isJsonObject, isObjectId, type AiwmConfigurationReply } from '@agentfleet/contracts';
import { Controller } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { AgentRepository } from '../agent-records/agent.repository';
import type { Documented } from '../api/documented';
import { AgentConfigurations } from './agent-configurations';
import { withoutSecrets } from './settings';

@Controller()
export class ConfigurationQuestionsController {
  constructor(
    private readonly agents: AgentRepository,
    private readonly configurations: AgentConfigurations,
  ) {}

  /** The gateway asks what an agent is handed. Settings that hold secrets are left out: the bus is no place for them. It is no connect. */
  @MessagePattern(`${AIWM_CONFIGURATION_PATTERN}.{replica}`)
  async answer(@Payload() question: unknown): Promise<Documented<AiwmConfigurationReply>> {
    if (!isJsonObject(question) || !isObjectId(question['agentId']) || !isObjectId(question['orgId'])) return { found: false };
    const agent = await this.agents.documents.find({ orgId: question['orgId'] }, question['agentId']);
    if (!agent) return { found: false };
    const { settings, agent: _named, ...delivered } = await this.configurations.of(agent);
    return {
      found: true,
      agent: { id: question['agentId'], name: agent.name, status: agent.status },
      configRevision: agent.configRevision,
      mcpServers: {},
      ...delivered,
      settings: withoutSecrets(settings),
    };
  }
}
