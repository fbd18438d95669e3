import { CLOCK, LOG, Lifecycle, REPLICA, type Clock, type Log, type Replica } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import { CallMetrics } from '../../metrics';
import { finishedCall, withoutResponse } from './call-record';
import { CallRepository } from './call.repository';
import type { CallDocument } from './call.schema';
import { outcomeUnknownResult } from './unanswered';

const RENEW_MS = 4000;
const SWEEP_MS = 1500;
const RENEW_BATCH = 5000;
const SWEEP_LIMIT = 200;

/**
 * Calls with open records belong to a replica as long as it renews its lease. Those of a dead replica are adopted when
 * they never contacted an agent, and else ended as `outcome_unknown`.
 */
@Injectable()
export class CallLeases {
  private readonly held = new Set<string>();
  private adopted: (callId: string) => void = () => undefined;

  constructor(
    private readonly repository: CallRepository,
    @Inject(REPLICA) private readonly replica: Replica,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOG) private readonly log: Log,
    lifecycle: Lifecycle,
    private readonly metrics: CallMetrics,
  ) {
    lifecycle.every('leases of calls', RENEW_MS, () => this.renew(), { during: 'always', hungAfterMs: RENEW_MS }); // running calls are finished while draining
    lifecycle.every('abandoned calls', SWEEP_MS, () => this.sweep());
  }

  add(callId: string): void {
    this.held.add(callId);
  }

  remove(callId: string): void {
    this.held.delete(callId);
  }

  /** Hears of every call that was adopted and is now this replica's to start. */
  onAdopted(listener: (callId: string) => void): void {
    this.adopted = listener;
  }

  private async renew(): Promise<void> {
    const callIds = [...this.held];
    for (let at = 0; at < callIds.length; at += RENEW_BATCH) await this.repository.renew(this.replica.id, callIds.slice(at, at + RENEW_BATCH));
  }

  private async sweep(): Promise<void> {
    const abandoned = await this.repository.listAbandoned(this.replica.id, SWEEP_LIMIT);
    for (const call of abandoned) {
      if (call.attempted === true) await this.endUnknown(call);
      else if (await this.repository.adopt(call._id, this.replica.id)) this.adopted(call._id);
    }
  }

  private async endUnknown(call: CallDocument): Promise<void> {
    const nowMs = this.clock.now();
    const identity = { callId: call._id, agentName: call.agentName, sessionId: call.sessionId };
    const result = outcomeUnknownResult(identity, call.chain ?? [], nowMs - (call.startedAt ?? call.createdAt).getTime());
    const isPlain = call.kind !== 'async' && call.idempotencyKey === undefined;
    await this.repository.finish([finishedCall(isPlain ? withoutResponse(result) : result, nowMs, true)]);
    this.metrics.outcomeUnknown.inc();
    this.log.warn({ call_id: call._id }, 'A replica died while an agent was answering: the outcome of the call is unknown');
  }
}
