import { AIWM_NOTICES, isJsonObject } from '@agentfleet/contracts';
import { Controller } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { PresenceService } from './presence.service';

@Controller()
export class PresenceNoticesController {
  constructor(private readonly presence: PresenceService) {}

  /** Where another replica told of it, what this one remembers of the last heartbeat may be old. */
  @EventPattern(AIWM_NOTICES.presenceChanged)
  changed(@Payload() notice: unknown): void {
    if (!isJsonObject(notice) || typeof notice['agentId'] !== 'string' || typeof notice['to'] !== 'string') return;
    this.presence.forgetUnless(notice['agentId'], notice['to']);
  }
}
