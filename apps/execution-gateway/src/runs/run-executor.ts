import { GATEWAY_NOTICES, type RunStateNotice } from '@agentfleet/contracts';
import type { EngineItem } from '@agentfleet/engine';
import { Bus, CLOCK, ENV, Lifecycle, LOG, REPLICA, type Clock, type Log, type Replica } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import type { ExecutionGatewayEnv } from '../env';
import { EventBroadcast } from '../events/event-broadcast';
import { EventLog } from './run-journal';
import type { StoredFrame } from '../events/event.repository';
import { GatewayMetrics } from '../metrics';
import { ModelCatalog } from '../models/model-catalog';
import { SessionRepository } from '../sessions/session.repository';
import { storedPolicy } from '../sessions/session-views';
import { Workspaces } from '../workspaces/workspaces';
import { LocalEngine } from '../engines/local-engine';
import { RunLease } from './run-claim';
import { RunExecution, type ClaimedRun } from './run-execution';
import { RunStore } from './run-store.repository';
import type { CancelSignal, RunDocument } from './run.schema';
import { endState } from './run-views';
import { engineMessage } from './stored-messages';

const SWEEP_MS = 2000;
const DRAIN_GIVE_UP_MS = 6500;
const DEFAULT_MAX_SECONDS = 1800;

interface Running {
  readonly execution: RunExecution;
  readonly done: Promise<void>;
}

/** Executes runs on this replica: claims what nobody holds, up to its capacity, and carries it to its end. */
@Injectable()
export class RunExecutor {
  private readonly running = new Map<string, Running>();
  private claiming = 0;
  private timer: NodeJS.Timeout | undefined;
  private isSweeping = false;

  constructor(
    private readonly store: RunStore,
    private readonly sessions: SessionRepository,
    private readonly broadcast: EventBroadcast,
    private readonly models: ModelCatalog,
    private readonly workspaces: Workspaces,
    private readonly engine: LocalEngine,
    private readonly metrics: GatewayMetrics,
    private readonly bus: Bus,
    @Inject(REPLICA) private readonly replica: Replica,
    @Inject(ENV) private readonly env: ExecutionGatewayEnv,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOG) private readonly log: Log,
    private readonly lifecycle: Lifecycle,
  ) {
    lifecycle.beforeReady('reconciler', () => {
      this.timer ??= setInterval(() => void this.sweep(), SWEEP_MS);
    });
    lifecycle.onDrain('runs', () => this.drain());
    const labelled = { name: 'gateway_runs_active', help: 'Runs that this replica executes', labelNames: ['engine', 'state'] } as const;
    metrics.metrics.gauge({ ...labelled, collect: (gauge) => gauge.set({ engine: 'local', state: 'running' }, this.running.size) });
  }

  private get isFull(): boolean {
    return this.running.size + this.claiming >= this.env.GATEWAY_MAX_CONCURRENT_RUNS;
  }

  /** Keeps a slot free for a run that is about to be admitted; false when there is none. */
  reserve(): boolean {
    if (this.isFull || this.lifecycle.draining) return false;
    this.claiming += 1;
    return true;
  }

  /** Gives a reserved slot back without a run. */
  giveBack(): void {
    this.claiming -= 1;
  }

  /** Claims a run for a reserved slot and starts it in the background; false when somebody else holds it. */
  async startReserved(runId: string): Promise<boolean> {
    try {
      const claim = await this.store.claim(runId, this.replica.id, this.workspaces.volumeId);
      if (claim) this.launch({ run: claim.before, epoch: claim.epoch });
      return claim !== null;
    } finally {
      this.claiming -= 1;
    }
  }

  /** Claims and starts a run, if there is a slot and nobody holds it. */
  async tryStart(runId: string): Promise<boolean> {
    return !this.running.has(runId) && this.reserve() && (await this.startReserved(runId));
  }

  /** Looks for wishes at once, when this replica executes the run; true when it does. Resolves when the run has ended. */
  async cancel(runId: string, cancel: CancelSignal): Promise<boolean> {
    const running = this.running.get(runId);
    if (!running) return false;
    running.execution.cancel(cancel);
    await running.done;
    return true;
  }

  /** What no notice told: queued runs, and runs whose executor is gone. */
  async sweep(): Promise<void> {
    if (this.isSweeping || this.isFull || this.lifecycle.state !== 'ready') return;
    this.isSweeping = true;
    try {
      const free = this.env.GATEWAY_MAX_CONCURRENT_RUNS - this.running.size - this.claiming;
      for (const runId of await this.store.claimable(this.workspaces.volumeId, Math.min(free, 100))) await this.tryStart(runId);
    } catch (error) {
      this.log.warn({ err: error }, 'Runs that wait could not be looked for; it is tried again');
    } finally {
      this.isSweeping = false;
    }
  }

  private launch(claimed: ClaimedRun): void {
    const { run } = claimed;
    if (run.state === 'running') this.metrics.takeovers.inc();
    const fields = { run_id: run._id, session_id: run.session_id, epoch: claimed.epoch };
    const { execution, lease } = this.assemble(claimed);
    const done = execution
      .execute()
      .then(async (outcome) => {
        lease.stop();
        if (outcome === 'released') {
          await this.store.release(run._id, claimed.epoch);
          this.tellState(run, 'queued');
        }
        if (outcome === 'lost') {
          this.metrics.fencedWrites.inc();
          this.log.warn(fields, 'The lease of a run was lost; another replica goes on');
        }
      })
      .catch((error: unknown) => this.log.error({ err: error, ...fields }, 'A run could not be executed; it is taken over when its lease ends'))
      .finally(() => {
        lease.stop();
        this.running.delete(run._id);
        if (!this.lifecycle.draining) void this.sweep();
      });
    this.running.set(run._id, { execution, done });
    this.log.debug(fields, 'Run claimed');
  }

  private assemble(claimed: ClaimedRun): { execution: RunExecution; lease: RunLease } {
    const { run, epoch } = claimed;
    const startedAt = this.clock.monotonicMs();
    const lease: RunLease = new RunLease({
      renew: () => this.store.renew(run._id, epoch),
      lost: () => execution.lose(),
      cancelWished: (cancel) => execution.cancel(cancel),
      clock: this.clock,
    });
    const log: EventLog = new EventLog(run, epoch, {
      commit: (commit) => this.store.commit(commit),
      committed: (frames, seconds) => this.committed(claimed, frames, seconds),
      failed: (error) => this.log.warn({ err: error, run_id: run._id }, 'Events of a run could not be written; it is tried again'),
      mayRetry: () => lease.isHeld(),
      activeMs: () => run.active_ms + Math.round(this.clock.monotonicMs() - startedAt),
      clock: this.clock,
      coalesceMs: this.env.GATEWAY_TEXT_COALESCE_MS,
    });
    const execution: RunExecution = new RunExecution(claimed, {
      log,
      lease,
      clock: this.clock,
      queueTimeoutMs: this.env.GATEWAY_QUEUE_TIMEOUT_SECONDS * 1000,
      maxSeconds: run.limits.max_seconds ?? DEFAULT_MAX_SECONDS,
      start: (signal) => this.start(claimed, signal),
      failed: (error) => this.log.error({ err: error, run_id: run._id, session_id: run.session_id }, 'A run failed because of a bug'),
      ended: (reason) => {
        const durationMs = Math.max(0, this.clock.now() - run.created_at.getTime());
        this.tellState(run, endState(reason));
        this.metrics.runsTotal.inc({ engine: run.engine, reason });
        this.metrics.runSeconds.observe(durationMs / 1000);
        this.log.info({ run_id: run._id, session_id: run.session_id, outcome: endState(reason), reason, duration_ms: durationMs }, 'Run ended');
      },
    });
    return { execution, lease };
  }

  private async start({ run }: ClaimedRun, signal: AbortSignal): Promise<{ items: AsyncGenerator<EngineItem, void> } | { error: { code: string; message: string } }> {
    const session = await this.sessions.findByKey(run.session_key);
    if (!session) return { error: { code: 'session_deleted', message: 'The session of the run is gone.' } };
    const model = this.models.find(session.model);
    if (!model) {
      const message =
        session.model === null
          ? 'No model is configured. Set MODEL_BASE_URL and MODEL_NAME, or GATEWAY_SCRIPTED_MODEL=auto.'
          : `The model "${session.model}" of this session is not configured any more.`;
      return { error: { code: 'model_not_configured', message } };
    }
    try {
      await this.workspaces.make(session.workspace_dir);
    } catch (error) {
      this.log.warn({ err: error, session_id: run.session_id }, 'The workspace of a run cannot be used');
      return { error: { code: 'workspace_unavailable', message: 'The workspace directory of the session cannot be used. Check that it is a directory and that the server may write to it.' } };
    }
    const items = this.engine.run({
      runId: run._id,
      sessionId: run.session_id,
      model,
      workspaceDir: session.workspace_dir,
      toolPolicy: storedPolicy(session),
      transcript: (await this.store.transcript(run.session_key)).map(engineMessage),
      progress: run.progress,
      maxIterations: run.limits.max_iterations ?? 1,
      maxTokens: run.limits.max_tokens ?? null,
      signal,
    });
    return { items };
  }

  private committed({ run }: ClaimedRun, frames: readonly StoredFrame[], seconds: number): void {
    this.broadcast.committed(run, frames);
    this.metrics.commitSeconds.observe(seconds);
    const isFirst = frames[0]?.seq === run.first_seq + 1;
    if (isFirst) this.metrics.firstEventSeconds.observe(Math.max(0, this.clock.now() - run.created_at.getTime()) / 1000);
  }

  private tellState(run: RunDocument, state: RunStateNotice['state']): void {
    const notice: RunStateNotice = { orgId: run.org_id, sessionId: run.session_id, runId: run._id, state };
    this.bus.notify(GATEWAY_NOTICES.runState, notice);
  }

  /** SIGTERM: the steps in progress are finished or given up, then others go on at once. */
  private async drain(): Promise<void> {
    clearInterval(this.timer);
    for (const { execution } of this.running.values()) execution.drain(false);
    const giveUp = setTimeout(() => {
      for (const { execution } of this.running.values()) execution.drain(true);
    }, DRAIN_GIVE_UP_MS);
    await Promise.all([...this.running.values()].map(({ done }) => done));
    clearTimeout(giveUp);
  }
}
