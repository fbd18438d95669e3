import { Bus } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { GatewayMetrics } from '../metrics';
import type { StoredFrame } from './event.repository';
import { SessionFeeds } from './session-feeds';

/** A run whose events were committed. */
export interface BroadcastRun {
  readonly _id: string;
  readonly org_id: string;
  readonly session_key: string;
  readonly session_id: string;
}

/** Notifies of events that are committed: the watchers of this replica get their text, the other replicas hear that there is something. */
@Injectable()
export class EventBroadcast {
  constructor(
    private readonly feeds: SessionFeeds,
    private readonly bus: Bus,
    private readonly metrics: GatewayMetrics,
  ) {}

  committed(run: BroadcastRun, frames: readonly StoredFrame[]): void {
    const last = frames.at(-1);
    if (!last) return;
    this.feeds.committed(run.session_key, frames);
    this.bus.notify('run.event', { orgId: run.org_id, sessionId: run.session_id, runId: run._id, lastSeq: last.seq });
    for (const frame of frames) this.metrics.eventsTotal.inc({ type: frame.type });
  }
}
