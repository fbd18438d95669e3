import { VPS_NOTICES } from '@agentfleet/contracts';
import { Controller } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { readNotice } from '../read-notice';
import { AgentDirectory } from './agent-directory';

/** Drops what is cached of an agent when another replica changed it. */
@Controller()
export class AgentsNoticesController {
  constructor(private readonly directory: AgentDirectory) {}

  @EventPattern(VPS_NOTICES.agentChanged)
  agentChanged(@Payload() payload: unknown): void {
    this.forget(payload);
  }

  @EventPattern(VPS_NOTICES.healthChanged)
  healthChanged(@Payload() payload: unknown): void {
    this.forget(payload);
  }

  private forget(payload: unknown): void {
    const notice = readNotice(payload, 'agentName');
    if (notice !== null) this.directory.forget(notice.orgId, notice.value);
  }
}
