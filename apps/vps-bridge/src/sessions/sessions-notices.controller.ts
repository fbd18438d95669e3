import type { VpsSessionDeletedNotice } from '@agentfleet/contracts';
import { OnNotice } from '@agentfleet/platform';
import { Controller } from '@nestjs/common';
import { SessionDirectory } from './session-directory';

/** Drops what is cached of a session when another replica deleted it. */
@Controller()
export class SessionsNoticesController {
  constructor(private readonly directory: SessionDirectory) {}

  @OnNotice('vps.session.deleted')
  sessionDeleted({ orgId, sessionId }: VpsSessionDeletedNotice): void {
    this.directory.forget(orgId, sessionId);
  }
}
