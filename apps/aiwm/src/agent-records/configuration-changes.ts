import { CLOCK, type Clock, type Transaction } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import { AgentStateDirectory } from './agent-state-directory';
import { AgentRepository, type ReferenceField } from './agent.repository';

/** Raises `configRevision` of every agent that a changed instruction or tool reaches, in the transaction of the change. */
@Injectable()
export class ConfigurationChanges {
  constructor(
    private readonly agents: AgentRepository,
    private readonly directory: AgentStateDirectory,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  ofInstruction(instructionId: string, transaction: Transaction): Promise<void> {
    return this.raise('instructionId', instructionId, transaction);
  }

  ofTool(toolId: string, transaction: Transaction): Promise<void> {
    return this.raise('allowedToolIds', toolId, transaction);
  }

  private async raise(field: ReferenceField, id: string, transaction: Transaction): Promise<void> {
    const at = new Date(this.clock.now()).toISOString();
    for (const { _id, orgId, configRevision } of await this.agents.raiseConfigRevision(field, id, transaction)) {
      const agentId = _id.toHexString();
      transaction.afterCommit(() => this.directory.forget(agentId));
      transaction.notify('agent.configuration.changed', { orgId, agentId, configRevision: configRevision + 1, at });
    }
  }
}
