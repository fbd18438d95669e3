import { AIWM_NOTICES, isJsonObject, PLATFORM_NOTICES } from '@agentfleet/contracts';
import { Controller } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { AgentDirectory } from './agent-directory';

/** Another replica changed an agent: what this one keeps of it is dropped. */
@Controller()
export class AgentNoticesController {
  constructor(private readonly directory: AgentDirectory) {}

  @EventPattern([PLATFORM_NOTICES.agentRevoked, AIWM_NOTICES.configurationChanged])
  changed(@Payload() notice: unknown): void {
    if (isJsonObject(notice) && typeof notice['agentId'] === 'string') this.directory.forget(notice['agentId']);
  }
}
