import type { AiwmPresenceChangedNotice } from '@agentfleet/contracts';
import { OnNotice } from '@agentfleet/platform';
import { Controller } from '@nestjs/common';
import { PresenceService } from './presence.service';

@Controller()
export class PresenceNoticesController {
  constructor(private readonly presence: PresenceService) {}

  /** Where another replica recorded it, what this one remembers of the last heartbeat may be old. */
  @OnNotice('agent.presence.changed')
  changed({ agentId, to }: AiwmPresenceChangedNotice): void {
    this.presence.forgetUnless(agentId, to);
  }
}
