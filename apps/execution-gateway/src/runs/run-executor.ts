import { CLOCK, ENV, Lifecycle, REPLICA, type Clock, type RecurringWork, type Replica } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import { Engines } from '../engines/engines';
import type { ExecutionGatewayEnv } from '../env';
import { GatewayMetrics } from '../metrics';
import { Workspaces } from '../workspaces/workspaces';
import { ExecuteRun, type ExecutingRun } from './execute-run';
import { claimOf } from './run-state';
import { RunRepository } from './run.repository';
import type { ClaimedRun } from './run-execution';
import type { RequestOnRun, RunDocument } from './run.schema';
import type { SessionDocument } from '../sessions/session.schema';

const SWEEP_MS = 2000;
const MAX_CLAIMS_PER_SWEEP = 100;
const DRAIN_GIVE_UP_MS = 6500;

/** Executes runs on this replica: claims what nobody holds, up to its capacity. */
@Injectable()
export class RunExecutor {
  private readonly running = new Map<string, ExecutingRun>();
  /** Slots that are kept for runs that are being admitted or claimed. */
  private reserved = 0;
  private isDraining = false;
  private readonly sweeping: RecurringWork;

  constructor(
    private readonly runs: RunRepository,
    private readonly executeRun: ExecuteRun,
    private readonly workspaces: Workspaces,
    engines: Engines,
    metrics: GatewayMetrics,
    private readonly lifecycle: Lifecycle,
    @Inject(REPLICA) private readonly replica: Replica,
    @Inject(ENV) private readonly env: ExecutionGatewayEnv,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    this.sweeping = lifecycle.every('waiting runs', SWEEP_MS, () => this.claimWaiting());
    lifecycle.onDrain('runs', () => this.drain());
    const labelled = { name: 'gateway_runs_active', help: 'Runs that this replica executes', labelNames: ['engine', 'state'] } as const;
    const countOf = (name: string) => [...this.running.values()].filter(({ engine }) => engine === name).length;
    metrics.metrics.gauge({ ...labelled, collect: (gauge) => engines.names.forEach((engine) => gauge.set({ engine, state: 'running' }, countOf(engine))) });
  }

  /** Keeps a slot free for a run that is about to be admitted; false when there is none. */
  reserve(): boolean {
    if (this.freeSlots <= 0 || this.lifecycle.draining) return false;
    this.reserved += 1;
    return true;
  }

  /** Gives a reserved slot back without a run. */
  giveBack(): void {
    this.reserved -= 1;
  }

  /** Claims a run for a reserved slot and starts it in the background; false when somebody else holds it. */
  async startReserved(found: RunDocument): Promise<boolean> {
    try {
      const claim = claimOf(found, { nowMs: this.clock.now(), timeoutMs: this.env.GATEWAY_QUEUE_TIMEOUT_SECONDS * 1000 });
      if (!claim || !this.canExecute(found.volume_id)) return false;
      const run = await this.runs.claim(found, claim, this.replica.id);
      if (!run) return false;
      this.begin({ run, epoch: run.epoch + 1, claim });
      return true;
    } finally {
      this.reserved -= 1;
    }
  }

  /** Whether runs of sessions on this volume can be executed here. */
  canExecute(volumeId: string): boolean {
    return volumeId === this.workspaces.volumeId;
  }

  /** Starts a run whose admission was its claim too. @param askedAtMs monotonic, before its lease began */
  startAdmitted(run: RunDocument, session: SessionDocument, askedAtMs: number): void {
    const claim = claimOf(run, { nowMs: run.created_at.getTime(), timeoutMs: 0 });
    if (claim) this.begin({ run, epoch: run.epoch, claim, session, askedAtMs });
  }

  private begin(claimed: ClaimedRun): void {
    const { _id: runId } = claimed.run;
    const executing = this.executeRun.begin(claimed);
    this.running.set(runId, executing);
    if (this.isDraining) executing.execution.drain(false); // its admission was under way at the signal
    void executing.done.finally(() => {
      const wasFull = this.freeSlots <= 0;
      this.running.delete(runId);
      if (wasFull) void this.sweeping.run(); // with a free slot whatever waited was claimed before
    });
  }

  /** Claims and starts a run, if there is a slot and nobody holds it. */
  async tryStart(runId: string): Promise<boolean> {
    const run = await this.runs.find(runId);
    return run !== undefined && !this.running.has(runId) && this.reserve() && (await this.startReserved(run));
  }

  /** Passes on what is asked of a run, when this replica executes it; true when it does. Resolves when the run has ended. */
  async passOn(runId: string, requests: readonly RequestOnRun[]): Promise<boolean> {
    const running = this.running.get(runId);
    if (!running) return false;
    running.execution.request(requests);
    await running.done;
    return true;
  }

  private get freeSlots(): number {
    return this.env.GATEWAY_MAX_CONCURRENT_RUNS - this.running.size - this.reserved;
  }

  /** What no notice said: queued runs, and runs whose executor is gone. */
  private async claimWaiting(): Promise<void> {
    if (this.freeSlots <= 0) return;
    const waiting = await this.runs.claimable(this.workspaces.volumeId, Math.min(this.freeSlots, MAX_CLAIMS_PER_SWEEP));
    for (const runId of waiting) await this.tryStart(runId);
  }

  /** SIGTERM: the steps in progress are finished or given up, then others go on at once. */
  private async drain(): Promise<void> {
    this.isDraining = true;
    const over = new AbortController();
    this.clock.sleep(DRAIN_GIVE_UP_MS, over.signal).then(
      () => this.running.forEach(({ execution }) => execution.drain(true)),
      () => undefined, // all came to an end before
    );
    for (const { execution } of this.running.values()) execution.drain(false);
    while (this.running.size > 0) await Promise.all([...this.running.values()].map(({ done }) => done));
    over.abort();
  }
}
