import type { AgentRevokedNotice, AiwmConfigurationChangedNotice } from '@agentfleet/contracts';
import { OnNotice } from '@agentfleet/platform';
import { Controller } from '@nestjs/common';
import { AgentStateDirectory } from './agent-state-directory';

/** Another replica changed an agent: what this one keeps of it is dropped. */
@Controller()
export class AgentNoticesController {
  constructor(private readonly directory: AgentStateDirectory) {}

  @OnNotice('agent.revoked')
  revoked({ agentId }: AgentRevokedNotice): void {
    this.directory.forget(agentId);
  }

  @OnNotice('agent.configuration.changed')
  configurationChanged({ agentId }: AiwmConfigurationChangedNotice): void {
    this.directory.forget(agentId);
  }
}
