import type { VpsAgentChangedNotice, VpsHealthChangedNotice } from '@agentfleet/contracts';
import { OnNotice } from '@agentfleet/platform';
import { Controller } from '@nestjs/common';
import { AgentDirectory } from './agent-directory';

/** Drops what is cached of an agent when another replica changed it. */
@Controller()
export class AgentsNoticesController {
  constructor(private readonly directory: AgentDirectory) {}

  @OnNotice('vps.agent.changed')
  agentChanged({ orgId, agentName }: VpsAgentChangedNotice): void {
    this.directory.forget(orgId, agentName);
  }

  @OnNotice('vps.health.changed')
  healthChanged({ orgId, agentName }: VpsHealthChangedNotice): void {
    this.directory.forget(orgId, agentName);
  }
}
