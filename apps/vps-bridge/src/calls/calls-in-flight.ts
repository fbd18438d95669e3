import { VPS_CALL_KINDS, type VpsCallKind } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import { CLOCK, ENV, LOG, Metrics, type Clock, type Log } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import type { VpsBridgeEnv } from '../env';

/** Contract section 11. The app's `drainLimitMs` leaves a second for answering what still runs then. */
const PATIENCE_MS = 10_000;
const ANSWERING_MS = 700;
const POLL_MS = 20;
/** Answers are on their way to the sockets for a moment longer than their calls run. */
const SENDING_MS = 50;

/** The process ends: whoever still waits for an agent stops waiting. */
export class CallCut extends Error {}

/** The place of one running call. */
export interface CallSlot {
  /** When the call began; monotonic. */
  readonly startMs: number;
  /** Rejects with `CallCut` when the process cannot wait for the call any longer. */
  readonly cut: Promise<never>;
  leave(): void;
}

/** The calls that run in this replica: how many there may be, and how they end at shutdown. */
@Injectable()
export class CallsInFlight {
  private readonly cuts = new Set<(reason: CallCut) => void>();
  private readonly counts: Record<VpsCallKind, number> = { sync: 0, async: 0, stream: 0 };

  constructor(
    @Inject(ENV) private readonly env: VpsBridgeEnv,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOG) private readonly log: Log,
    metrics: Metrics,
  ) {
    metrics.gauge({
      name: 'vps_calls_in_flight',
      help: 'Running calls',
      labelNames: ['kind'],
      collect: (gauge) => VPS_CALL_KINDS.forEach((kind) => gauge.set({ kind }, this.counts[kind])),
    });
  }

  /** @throws AppError `overloaded` */
  requireRoom(): void {
    if (this.counts.sync + this.counts.stream < this.env.VPS_MAX_IN_FLIGHT) return;
    const message = 'Too many calls are running in this replica';
    throw new AppError('overloaded', { message, retryAfterSeconds: 1 + Math.floor(this.clock.random() * 3) });
  }

  /** Counts a call until it leaves. */
  enter(kind: VpsCallKind): CallSlot {
    let onCut: (reason: CallCut) => void = () => undefined;
    const cut = new Promise<never>((_resolve, reject) => (onCut = reject));
    cut.catch(() => undefined);
    this.cuts.add(onCut);
    this.counts[kind]++;
    const leave = () => {
      if (this.cuts.delete(onCut)) this.counts[kind]--;
    };
    return { startMs: this.clock.monotonicMs(), cut, leave };
  }

  /** At SIGTERM running calls are finished; those that take too long are answered without their outcome. */
  async drain(): Promise<void> {
    await this.untilIdle(PATIENCE_MS);
    if (this.cuts.size === 0) return;
    this.log.warn({ calls: this.cuts.size }, 'Calls are ended without their outcome, since this replica shuts down');
    for (const cut of this.cuts) cut(new CallCut());
    await this.untilIdle(ANSWERING_MS);
    await this.clock.sleep(SENDING_MS);
  }

  private async untilIdle(limitMs: number): Promise<void> {
    const endsAtMs = this.clock.monotonicMs() + limitMs;
    while (this.cuts.size > 0 && this.clock.monotonicMs() < endsAtMs) await this.clock.sleep(POLL_MS);
  }
}
