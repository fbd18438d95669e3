import type { VpsCallKind } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import { CLOCK, ENV, type Clock } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import type { VpsBridgeEnv } from '../env';
import { CallMetrics } from '../metrics';

/** The wish of the whole process to end: whoever still waits for an agent stops waiting. */
export class CallCut extends Error {}

interface Running {
  readonly kind: VpsCallKind;
  readonly cut: (reason: CallCut) => void;
}

/** The calls that run in this replica: how many there may be, and how they are ended at shutdown. */
@Injectable()
export class RunningCalls {
  private readonly running = new Set<Running>();
  private readonly counts: Record<VpsCallKind, number> = { sync: 0, async: 0, stream: 0 };

  constructor(
    @Inject(ENV) private readonly env: VpsBridgeEnv,
    @Inject(CLOCK) private readonly clock: Clock,
    private readonly metrics: CallMetrics,
  ) {}

  get size(): number {
    return this.running.size;
  }

  /** @throws AppError `overloaded` */
  requireRoom(): void {
    if (this.counts.sync + this.counts.stream < this.env.VPS_MAX_IN_FLIGHT) return;
    const message = 'Too many calls are running in this replica';
    throw new AppError('overloaded', { message, retryAfterSeconds: 1 + Math.floor(this.clock.random() * 3) });
  }

  /** Runs one call. @param work gets a promise that rejects with `CallCut` when the process cannot wait any longer. */
  async run<T>(kind: VpsCallKind, work: (cut: Promise<never>) => Promise<T>): Promise<T> {
    let entry: Running | undefined;
    const cut = new Promise<never>((_resolve, reject) => {
      entry = { kind, cut: reject };
      this.running.add(entry);
    });
    cut.catch(() => undefined);
    this.metrics.inFlight.set({ kind }, ++this.counts[kind]);
    try {
      return await work(cut);
    } finally {
      if (entry !== undefined) this.running.delete(entry);
      this.metrics.inFlight.set({ kind }, --this.counts[kind]);
    }
  }

  cutAll(): void {
    for (const { cut } of this.running) cut(new CallCut());
  }
}
