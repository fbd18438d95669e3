import { GroupCommit } from '@agentfleet/platform';
import type { AiwmDelivered } from '@agentfleet/contracts';
import { Injectable } from '@nestjs/common';
import type { AgentDocument } from '../agent-records/agent.schema';
import type { Documented } from '../api/documented';
import { InstructionRepository } from '../instructions/instruction.repository';
import { ToolRepository } from '../tools/tool.repository';
import { StoredSettings } from './stored-settings';
import { renderConfiguration, type Configuration } from './configuration';

/** What agents are handed, read and rendered at the question. */
@Injectable()
export class AgentConfigurations {
  /** A fleet that comes back is read in groups. */
  private readonly rendered = new GroupCommit<AgentDocument, Configuration>({ commit: (agents) => this.render(agents), maxWeight: 256, patienceMs: 100, gathersTurn: true });

  constructor(
    private readonly instructions: InstructionRepository,
    private readonly tools: ToolRepository,
    private readonly settings: StoredSettings,
  ) {}

  async of(agent: AgentDocument): Promise<Documented<AiwmDelivered>> {
    const refersToNothing = agent.instructionId === null && agent.allowedToolIds.length === 0;
    const { mcpServers, ...rest } = refersToNothing ? renderConfiguration(undefined, [], []) : await this.rendered.add(agent);
    return {
      ...rest,
      agent: { id: agent._id.toHexString(), name: agent.name, orgId: agent.orgId },
      settings: this.settings.of(agent),
      ...(mcpServers ? { mcpServers } : {}),
    };
  }

  /** References were checked when they were set; what is gone, inactive or foreign by now is left out. */
  private async render(agents: readonly AgentDocument[]): Promise<readonly Configuration[]> {
    const [instructions, tools] = await Promise.all([
      this.instructions.findActive(agents.flatMap(({ instructionId }) => instructionId ?? [])),
      this.tools.findActive(agents.flatMap(({ allowedToolIds }) => allowedToolIds)),
    ]);
    return agents.map(({ orgId, instructionId, allowedToolIds }) => {
      const instruction = instructionId === null ? undefined : instructions.get(instructionId);
      const usable = allowedToolIds.flatMap((id) => tools.get(id) ?? []).filter((tool) => tool.orgId === orgId || tool.scope === 'public');
      return renderConfiguration(instruction?.orgId === orgId ? instruction : undefined, usable, allowedToolIds);
    });
  }
}
