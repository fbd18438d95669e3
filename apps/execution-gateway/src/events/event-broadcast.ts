import { GATEWAY_NOTICES, type RunEventNotice } from '@agentfleet/contracts';
import { Bus } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { GatewayMetrics } from '../metrics';
import type { RunDocument } from '../runs/run.schema';
import type { StoredFrame } from './event.repository';
import { SessionFeeds } from './session-feeds';

/** Tells of events that are committed: the watchers of this replica their text, the other replicas that there is something. */
@Injectable()
export class EventBroadcast {
  constructor(
    private readonly feeds: SessionFeeds,
    private readonly bus: Bus,
    private readonly metrics: GatewayMetrics,
  ) {}

  committed(run: Pick<RunDocument, '_id' | 'org_id' | 'session_key' | 'session_id'>, frames: readonly StoredFrame[]): void {
    const last = frames.at(-1);
    if (!last) return;
    this.feeds.committed(run.session_key, frames);
    const notice: RunEventNotice = { orgId: run.org_id, sessionId: run.session_id, runId: run._id, lastSeq: last.seq };
    this.bus.notify(GATEWAY_NOTICES.runEvent, notice);
    for (const frame of frames) this.metrics.eventsTotal.inc({ type: frame.type });
  }
}
