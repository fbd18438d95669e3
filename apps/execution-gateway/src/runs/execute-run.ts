import type { EngineName, GatewayRunState, RunEndReason } from '@agentfleet/contracts';
import type { EngineItem } from '@agentfleet/engine';
import { Bus, CLOCK, ENV, HeldLease, LOG, type Clock, type Log } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import type { EngineProblem } from '../engines/engine';
import { Engines } from '../engines/engines';
import type { ExecutionGatewayEnv } from '../env';
import { EventBroadcast } from '../events/event-broadcast';
import type { StoredFrame } from '../events/event.repository';
import { GatewayMetrics } from '../metrics';
import { DEFAULT_RUN_LIMITS } from '../sessions/run-limits';
import { SessionRepository } from '../sessions/session.repository';
import { storedPolicy } from '../sessions/session-views';
import { RunExecution, type ClaimedRun, type ExecutionOutcome } from './run-execution';
import { RunCommits } from './run-commits';
import { RunJournal, type JournalEntry } from './run-journal';
import { stateAfter } from './run-state';
import { RUN_LEASE, RunRepository } from './run.repository';
import type { RunDocument } from './run.schema';
import { engineMessage } from './stored-messages';
import { TranscriptRepository } from './transcript.repository';

/** A run in the hands of this process. */
export interface ExecutingRun {
  readonly engine: EngineName;
  readonly execution: RunExecution;
  /** Resolves when it has ended, was given back or was lost; never rejects. */
  readonly done: Promise<void>;
}

/** Puts together what carries out a claimed run: its lease, its journal and its engine. */
@Injectable()
export class ExecuteRun {
  private readonly commits: RunCommits<JournalEntry>;

  constructor(
    private readonly runs: RunRepository,
    private readonly transcripts: TranscriptRepository,
    private readonly sessions: SessionRepository,
    private readonly engines: Engines,
    private readonly broadcast: EventBroadcast,
    private readonly metrics: GatewayMetrics,
    private readonly bus: Bus,
    @Inject(ENV) private readonly env: ExecutionGatewayEnv,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOG) private readonly log: Log,
  ) {
    this.commits = new RunCommits({ commit: (commits) => this.runs.commit(commits), clock });
  }

  begin(claimed: ClaimedRun): ExecutingRun {
    const { run, epoch, claim } = claimed;
    if (claim.isTakeover) this.metrics.takeovers.inc();
    const fields = { run_id: run._id, session_id: run.session_id, epoch };
    const lease: HeldLease = new HeldLease(RUN_LEASE, {
      renew: async () => {
        const requests = await this.runs.renew(run._id, epoch);
        execution.request(requests ?? []);
        return requests !== undefined;
      },
      lost: () => execution.abandon(),
      clock: this.clock,
      askedAtMs: claimed.askedAtMs,
    });
    const execution = this.execution(claimed, lease);
    const done = execution
      .execute()
      .finally(() => lease.stop())
      .then((outcome) => this.conclude(claimed, execution, outcome))
      .catch((error: unknown) => this.log.error({ err: error, ...fields }, 'A run could not be executed; it is taken over when its lease ends'));
    this.log.debug(fields, 'Run claimed');
    return { engine: run.engine, execution, done };
  }

  private execution(claimed: ClaimedRun, lease: HeldLease): RunExecution {
    const { run, epoch } = claimed;
    const startedAt = this.clock.monotonicMs();
    const journal = new RunJournal(run, epoch, {
      commits: this.commits,
      committed: (frames, seconds) => this.committed(run, frames, seconds),
      failed: (error) => this.log.warn({ err: error, run_id: run._id }, 'Events of a run could not be written; it is tried again'),
      mayRetry: () => lease.isHeld(),
      activeMs: () => run.active_ms + Math.round(this.clock.monotonicMs() - startedAt),
      clock: this.clock,
      coalesceMs: this.env.GATEWAY_TEXT_COALESCE_MS,
    });
    return new RunExecution(claimed, {
      journal,
      lease,
      clock: this.clock,
      maxSeconds: run.limits.max_seconds ?? DEFAULT_RUN_LIMITS.max_seconds,
      start: (signal) => this.start(claimed, signal),
      failed: (error) => this.log.error({ err: error, run_id: run._id, session_id: run.session_id }, 'A run failed because of a bug'),
      ended: (reason, state) => this.ended(run, reason, state),
    });
  }

  private async start(claimed: ClaimedRun, signal: AbortSignal): Promise<{ items: AsyncGenerator<EngineItem, void> } | { problem: EngineProblem }> {
    const { run } = claimed;
    const session = claimed.session ?? (await this.sessions.findByKey(run.session_key));
    if (!session) return { problem: { code: 'session_deleted', message: 'The session of the run is gone.' } };
    const engine = this.engines.find(run.engine);
    if (!engine) return { problem: { code: 'engine_not_available', message: `The engine "${run.engine}" of this session is not available on this server.` } };
    const task = {
      runId: run._id,
      sessionId: run.session_id,
      modelName: session.model ?? undefined,
      workspaceDir: session.workspace_dir,
      toolPolicy: storedPolicy(session),
      progress: run.progress,
      maxIterations: run.limits.max_iterations ?? DEFAULT_RUN_LIMITS.max_iterations,
      maxTokens: run.limits.max_tokens,
      signal,
    };
    const problem = await engine.prepare(task);
    if (problem) return { problem };
    return { items: engine.run(task, (await this.transcripts.find(run.session_key, run.next_message_index)).map(engineMessage)) };
  }

  private committed(run: RunDocument, frames: readonly StoredFrame[], seconds: number): void {
    this.broadcast.committed(run, frames);
    this.metrics.commitSeconds.observe(seconds);
    const isFirst = frames[0]?.seq === run.first_seq + 1;
    if (isFirst) this.metrics.firstEventSeconds.observe(Math.max(0, this.clock.now() - run.created_at.getTime()) / 1000);
  }

  private ended(run: RunDocument, reason: RunEndReason, state: GatewayRunState): void {
    const durationMs = Math.max(0, this.clock.now() - run.created_at.getTime());
    this.notifyState(run, state);
    this.metrics.runsTotal.inc({ engine: run.engine, reason });
    this.metrics.runSeconds.observe(durationMs / 1000);
    this.log.info({ run_id: run._id, session_id: run.session_id, outcome: state, reason, duration_ms: durationMs }, 'Run ended');
  }

  private async conclude({ run, epoch }: ClaimedRun, { state }: RunExecution, outcome: ExecutionOutcome): Promise<void> {
    if (outcome === 'released') {
      const released = stateAfter(state, { kind: 'released' });
      await this.runs.release(run._id, epoch, released);
      this.notifyState(run, released.state);
    }
    if (outcome === 'lost') {
      this.metrics.fencedWrites.inc();
      this.log.warn({ run_id: run._id, session_id: run.session_id, epoch }, 'The lease of a run was lost; another replica goes on');
    }
  }

  private notifyState(run: RunDocument, state: GatewayRunState): void {
    this.bus.notify('run.state', { orgId: run.org_id, sessionId: run.session_id, runId: run._id, state });
  }
}
