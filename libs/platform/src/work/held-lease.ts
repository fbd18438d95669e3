import { inTime } from '../in-time';
import type { Clock } from '../observe/clock';

export interface HeldLeaseRules {
  readonly leaseMs: number;
  readonly renewEveryMs: number;
  /** Who could not renew for so long stops by itself, before the lease can be another's. */
  readonly giveUpAfterMs: number;
  /** Nothing new begins with less of the lease left. */
  readonly minLeftMs: number;
}

export interface HeldLeasePorts {
  /** Makes the lease last again in the database; false when it is another's. Rejects while storage is away. */
  renew(): Promise<boolean>;
  /** The lease is lost, or could not be renewed in time: this process must not act any more. Told once. */
  lost(): void;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /** When the lease was asked for, by that clock; default now. */
  readonly askedAtMs?: number;
}

const CHECK_MS = 250;

/** The lease of one piece of work in the hands of the process that claimed it: renewed in time, given up in time by its own clock. */
export class HeldLease {
  private renewedAt: number;
  private lastAttemptAt: number;
  private renewing: Promise<void> | undefined;
  private isOver = false;
  private readonly timer: NodeJS.Timeout;

  constructor(
    private readonly rules: HeldLeaseRules,
    private readonly ports: HeldLeasePorts,
  ) {
    this.renewedAt = ports.askedAtMs ?? ports.clock.monotonicMs();
    this.lastAttemptAt = this.renewedAt;
    this.timer = setInterval(() => this.tick(), CHECK_MS);
  }

  /** False as soon as this process must not act for the work any more. */
  isHeld(): boolean {
    return !this.isOver && this.ports.clock.monotonicMs() - this.renewedAt < this.rules.giveUpAfterMs;
  }

  /** Makes sure that something new can begin; false when the lease is lost. */
  async readyForStep(): Promise<boolean> {
    if (this.leftMs() < this.rules.minLeftMs) await this.renew();
    return this.isHeld() && this.leftMs() >= this.rules.minLeftMs;
  }

  async renew(): Promise<void> {
    this.renewing ??= this.renewOnce().finally(() => (this.renewing = undefined));
    await this.renewing;
  }

  stop(): void {
    this.isOver = true;
    clearInterval(this.timer);
  }

  private tick(): void {
    const now = this.ports.clock.monotonicMs();
    const hasFailed = this.lastAttemptAt > this.renewedAt;
    if (now - this.renewedAt >= this.rules.giveUpAfterMs) this.revoke();
    else if (now - this.lastAttemptAt >= (hasFailed ? CHECK_MS : this.rules.renewEveryMs)) void this.renew();
  }

  private async renewOnce(): Promise<void> {
    const askedAt = this.ports.clock.monotonicMs();
    this.lastAttemptAt = askedAt;
    try {
      const isMine = await inTime(this.ports.renew(), this.rules.giveUpAfterMs);
      if (this.isOver) return;
      if (!isMine) this.revoke();
      else this.renewedAt = this.lastAttemptAt = askedAt;
    } catch {
      // storage is away: tried again until the own clock says that it is too late
    }
  }

  private revoke(): void {
    if (this.isOver) return;
    this.stop();
    this.ports.lost();
  }

  private leftMs(): number {
    return this.rules.leaseMs - (this.ports.clock.monotonicMs() - this.renewedAt);
  }
}
