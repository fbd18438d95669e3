import { AIWM_NOTICES, type AiwmConfigurationChangedNotice } from '@agentfleet/contracts';
import { Bus, type Transaction } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { AgentRepository } from './agent.repository';

/** Raises `configRevision` of every agent that a changed instruction or tool reaches, in the transaction of the change. */
@Injectable()
export class ConfigurationChanges {
  constructor(
    private readonly agents: AgentRepository,
    private readonly bus: Bus,
  ) {}

  ofInstruction(instructionId: string, transaction: Transaction): Promise<void> {
    return this.touch('instructionId', instructionId, transaction);
  }

  ofTool(toolId: string, transaction: Transaction): Promise<void> {
    return this.touch('allowedToolIds', toolId, transaction);
  }

  private async touch(field: 'instructionId' | 'allowedToolIds', id: string, transaction: Transaction): Promise<void> {
    const touched = await this.agents.raiseConfigRevision(field, id, transaction);
    const at = new Date().toISOString();
    transaction.afterCommit(() => {
      for (const agent of touched) {
        const agentId = agent._id.toHexString();
        const notice: AiwmConfigurationChangedNotice = { orgId: agent.orgId, agentId, configRevision: agent.configRevision + 1, at };
        this.bus.notify(AIWM_NOTICES.configurationChanged, notice);
      }
    });
  }
}
