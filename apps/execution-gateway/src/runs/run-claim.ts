import type { Clock } from '@agentfleet/platform';
import type { CancelSignal } from './run.schema';

const RENEW_MS = 2000;
/** An executor that could not renew for so long stops by itself, before the lease (6 s) can be another's. */
const GIVE_UP_MS = 5000;
const LEASE_MS = 6000;
/** No tool starts with less of the lease left. */
const MIN_LEFT_FOR_STEP_MS = 2000;
const CHECK_MS = 250;

export interface LeasePorts {
  renew(): Promise<{ held: boolean; cancel: CancelSignal | null }>;
  /** The lease is lost, or could not be renewed in time. */
  lost(): void;
  /** Somebody wishes the run to end. */
  cancelWished(cancel: CancelSignal): void;
  readonly clock: Pick<Clock, 'monotonicMs'>;
}

/** Holds the lease of a claimed run: renews it every 2 s, and gives up in time by its own clock when it cannot. */
export class RunLease {
  private renewedAt: number;
  private renewing: Promise<void> | null = null;
  private lastAttemptAt: number;
  private isOver = false;
  private readonly timer: NodeJS.Timeout;

  constructor(private readonly ports: LeasePorts) {
    this.renewedAt = ports.clock.monotonicMs();
    this.lastAttemptAt = this.renewedAt;
    this.timer = setInterval(() => this.tick(), CHECK_MS);
  }

  /** False as soon as this process must not act for the run any more. */
  isHeld(): boolean {
    return !this.isOver && this.ports.clock.monotonicMs() - this.renewedAt < GIVE_UP_MS;
  }

  /** Makes sure that a step can begin; false when the lease is lost. */
  async readyForStep(): Promise<boolean> {
    if (this.leftMs() < MIN_LEFT_FOR_STEP_MS) await this.renew();
    return this.isHeld() && this.leftMs() >= MIN_LEFT_FOR_STEP_MS;
  }

  /** Looks for wishes and renews now. */
  async renew(): Promise<void> {
    this.renewing ??= this.renewOnce().finally(() => (this.renewing = null));
    await this.renewing;
  }

  stop(): void {
    this.isOver = true;
    clearInterval(this.timer);
  }

  private tick(): void {
    const now = this.ports.clock.monotonicMs();
    if (now - this.renewedAt >= GIVE_UP_MS) this.lose();
    else if (now - this.lastAttemptAt >= RENEW_MS || (this.lastAttemptAt > this.renewedAt && now - this.lastAttemptAt >= CHECK_MS)) void this.renew();
  }

  private async renewOnce(): Promise<void> {
    const askedAt = this.ports.clock.monotonicMs();
    this.lastAttemptAt = askedAt;
    try {
      const { held, cancel } = await this.ports.renew();
      if (this.isOver) return;
      if (!held) {
        this.lose();
        return;
      }
      this.renewedAt = askedAt;
      this.lastAttemptAt = askedAt;
      if (cancel) this.ports.cancelWished(cancel);
    } catch {
      // storage is away: tried again until the own clock says that it is too late
    }
  }

  private lose(): void {
    if (this.isOver) return;
    this.stop();
    this.ports.lost();
  }

  private leftMs(): number {
    return LEASE_MS - (this.ports.clock.monotonicMs() - this.renewedAt);
  }
}
