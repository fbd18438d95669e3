import type { RunEventNotice } from '@agentfleet/contracts';
import { OnNotice } from '@agentfleet/platform';
import { Controller } from '@nestjs/common';
import { SessionFeeds } from './session-feeds';

/** What other replicas say. All of it is in MongoDB already: a lost notice costs a poll interval. */
@Controller()
export class EventsNoticesController {
  constructor(private readonly feeds: SessionFeeds) {}

  @OnNotice('run.event')
  async runEvent(notice: RunEventNotice): Promise<void> {
    await this.feeds.noticed(notice).catch(() => undefined); // the poll finds it
  }

  @OnNotice('session.deleted')
  async sessionDeleted(): Promise<void> {
    await this.feeds.poll();
  }
}
