import { VPS_NOTICES } from '@agentfleet/contracts';
import { Controller } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { readNotice } from '../read-notice';
import { SessionDirectory } from './session-directory';

/** Drops what is cached of a session when another replica deleted it. */
@Controller()
export class SessionsNoticesController {
  constructor(private readonly directory: SessionDirectory) {}

  @EventPattern(VPS_NOTICES.sessionDeleted)
  sessionDeleted(@Payload() payload: unknown): void {
    const notice = readNotice(payload, 'sessionId');
    if (notice !== null) this.directory.forget(notice.orgId, notice.value);
  }
}
