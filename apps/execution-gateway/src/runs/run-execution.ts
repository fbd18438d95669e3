import type { RunEndReason, RunEventBody } from '@agentfleet/contracts';
import { closeRun, type EngineItem, type RunProgress } from '@agentfleet/engine';
import { MAX_TAKEOVERS_AT_STEP } from '@agentfleet/sessions';
import type { Clock } from '@agentfleet/platform';
import { EventLog, LeaseLost } from './run-journal';
import type { CancelSignal, RunDocument } from './run.schema';
import { endState, queryComplete } from './run-views';
import type { RunLease } from './run-claim';

/** A run that this process has claimed. `run` is as it was before the claim, `attempt` counts this one. */
export interface ClaimedRun {
  readonly run: RunDocument;
  readonly epoch: number;
}

export interface ExecutionPorts {
  readonly log: EventLog;
  readonly lease: RunLease;
  readonly clock: Clock;
  readonly queueTimeoutMs: number;
  readonly maxSeconds: number;
  /** The engine's items; null with an error when the run cannot be started at all. */
  start(signal: AbortSignal): Promise<{ readonly items: AsyncGenerator<EngineItem, void> } | { readonly error: { message: string; code: string } }>;
  /** The engine threw: a bug of ours, for the log. */
  failed(error: unknown): void;
  /** The run ended for good. */
  ended(reason: RunEndReason): void;
}

/** Why the engine is stopped from outside. */
type StopCause = { readonly kind: 'cancel'; readonly cancel: CancelSignal } | { readonly kind: 'max_seconds' } | { readonly kind: 'lost' } | { readonly kind: 'drain' };

/** How `execute` came back: the run ended, was given back for others, or is not ours any more. */
export type ExecutionOutcome = 'ended' | 'released' | 'lost';

/** Carries one claimed run to its end: takes the engine's items and makes each durable before it asks for the next. */
export class RunExecution {
  private readonly stopEngine = new AbortController();
  private cause: StopCause | null = null;
  private isDraining = false;
  private progress: RunProgress;

  constructor(
    private readonly claimed: ClaimedRun,
    private readonly ports: ExecutionPorts,
  ) {
    this.progress = claimed.run.progress;
    if (claimed.run.cancel) this.stop({ kind: 'cancel', cancel: claimed.run.cancel });
  }

  cancel(cancel: CancelSignal): void {
    this.stop({ kind: 'cancel', cancel });
  }

  /** The lease is lost: nothing more is done or written. */
  lose(): void {
    this.ports.log.abandon();
    this.stop({ kind: 'lost' });
  }

  /** Stops after the step in progress; `giveUp` stops at once. */
  drain(giveUp: boolean): void {
    this.isDraining = true;
    if (giveUp) this.stop({ kind: 'drain' });
  }

  async execute(): Promise<ExecutionOutcome> {
    const timer = this.limitTime();
    try {
      return await this.run();
    } catch (error) {
      if (error instanceof LeaseLost) return 'lost';
      throw error;
    } finally {
      clearTimeout(timer);
      this.stopEngine.abort();
    }
  }

  private async run(): Promise<ExecutionOutcome> {
    const { run } = this.claimed;
    if (!this.cause && (await this.begin()) === 'ended') return 'ended';
    if (!this.cause) {
      const started = await this.ports.start(this.stopEngine.signal);
      if ('error' in started) {
        const error: RunEventBody = { type: 'error', data: { ...started.error, retryable: false, detail: null } };
        return this.end('error', [error], { output: null, error: started.error });
      }
      const outcome = await this.followOrFail(started.items);
      if (outcome) return outcome;
    }
    const cause = this.cause;
    switch (cause?.kind) {
      case 'cancel':
        return this.endCancelled(run, cause.cancel);
      case 'max_seconds':
        return this.close('timeout', 'max_seconds', []);
      case 'lost':
        return 'lost';
      case 'drain':
      case undefined:
        await this.ports.log.flushed();
        return 'released';
    }
  }

  /** What is to be said before the engine goes on: nothing the first time. */
  private async begin(): Promise<'goes on' | 'ended'> {
    const { run } = this.claimed;
    if (run.started_at === null) {
      if (this.ports.clock.now() - run.created_at.getTime() <= this.ports.queueTimeoutMs) return 'goes on';
      const message = 'The run waited too long for a free slot. Try again later.';
      await this.end('queue_timeout', [errorEvent('queue_timeout', message)], { output: null, error: { code: 'queue_timeout', message } });
      return 'ended';
    }
    const wasRunning = run.state === 'running';
    if (wasRunning && run.takeovers_at_step + 1 >= MAX_TAKEOVERS_AT_STEP) {
      const message = 'The run was interrupted several times at the same step and was given up. Try again with a smaller task.';
      await this.close('cancelled', 'crash_loop', [errorEvent('crash_loop', message)], { code: 'crash_loop', message });
      return 'ended';
    }
    await this.ports.log.show(recovered(run));
    return 'goes on';
  }

  /** A run that trips over a bug of ours ends with an error; taking it over would trip again. */
  private async followOrFail(items: AsyncGenerator<EngineItem, void>): Promise<ExecutionOutcome | null> {
    try {
      return await this.follow(items);
    } catch (error) {
      if (error instanceof LeaseLost) throw error;
      this.ports.failed(error);
      const problem = { code: 'internal', message: 'The run failed because of an internal error; its details are in the log of the server.' };
      return this.close('cancelled', 'error', [errorEvent(problem.code, problem.message)], problem);
    }
  }

  /** Null when the engine was stopped from outside. */
  private async follow(items: AsyncGenerator<EngineItem, void>): Promise<ExecutionOutcome | null> {
    try {
      for await (const item of items) {
        if (this.cause) return null;
        switch (item.kind) {
          case 'event':
            await this.ports.log.show(item.event);
            break;
          case 'step':
            await this.ports.log.step(item);
            this.progress = item.progress;
            if (this.isDraining) return null;
            if (!(await this.ports.lease.readyForStep())) throw new LeaseLost();
            break;
          case 'end':
            this.progress = item.progress;
            return await this.end(item.end.reason, item.events, { output: item.end.output, error: item.end.error && { message: item.end.error.message, code: item.end.error.code } }, item.messages);
        }
      }
    } finally {
      this.stopEngine.abort();
    }
    return null;
  }

  private async endCancelled(run: RunDocument, cancel: CancelSignal): Promise<ExecutionOutcome> {
    const data = { reason: cancel.reason, run_id: run._id, session_id: run.session_id, by: cancel.by };
    return this.close('cancelled', cancel.kind, [{ type: 'cancelled', data }]);
  }

  /** Ends the run from outside: results for open calls, the end of the open iteration, then the last events. */
  private async close(
    outcome: 'cancelled' | 'timeout',
    reason: RunEndReason,
    events: readonly RunEventBody[],
    error: RunDocument['error'] = null,
  ): Promise<ExecutionOutcome> {
    const part = closeRun(this.progress, { runId: this.claimed.run._id, outcome, stopReason: reason, now: this.ports.clock.now() });
    this.progress = part.progress;
    return this.end(reason, [...part.events, ...events], { output: null, error }, part.messages);
  }

  private async end(
    reason: RunEndReason,
    events: readonly RunEventBody[],
    result: Pick<RunDocument, 'output' | 'error'>,
    messages: Parameters<EventLog['end']>[0]['messages'] = [],
  ): Promise<ExecutionOutcome> {
    const { run } = this.claimed;
    const nowMs = this.ports.clock.now();
    const last = queryComplete(run, { reason, progress: this.progress, nowMs });
    const end = { ...result, active: false, state: endState(reason), reason, executor: null, ended_at: new Date(nowMs) };
    await this.ports.log.end({ events: [...events, last], messages, progress: this.progress }, end);
    this.ports.ended(reason);
    return 'ended';
  }

  private limitTime(): NodeJS.Timeout {
    const leftMs = this.ports.maxSeconds * 1000 - this.claimed.run.active_ms;
    return setTimeout(() => this.stop({ kind: 'max_seconds' }), Math.max(0, leftMs));
  }

  /** The first cause counts, except that a lost lease ends everything. */
  private stop(cause: StopCause): void {
    if (this.cause === null || cause.kind === 'lost') this.cause = cause;
    this.stopEngine.abort();
  }
}

function errorEvent(code: string, message: string): RunEventBody {
  return { type: 'error', data: { code, message, retryable: true, detail: null } };
}

/** Names the text that viewers must drop: what was shown of a step that never became complete. */
function recovered(run: RunDocument): RunEventBody {
  const superseded = run.last_seq > run.step_seq ? { from_seq: run.step_seq + 1, to_seq: run.last_seq } : null;
  const message = 'The run was interrupted and goes on after its last complete step.';
  return { type: 'status', data: { status: 'run_recovered', message, attempt: run.attempt + 1, superseded } };
}
