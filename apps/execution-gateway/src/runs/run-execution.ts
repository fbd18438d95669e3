import type { RunEndReason, RunEventBody } from '@agentfleet/contracts';
import { closeRun, type EngineItem, type RunProgress, type StepPart } from '@agentfleet/engine';
import type { Clock, HeldLease } from '@agentfleet/platform';
import type { RunClaim, RunState } from '@agentfleet/sessions';
import type { EngineProblem } from '../engines/engine';
import type { SessionDocument } from '../sessions/session.schema';
import { LeaseLost } from './run-commits';
import type { RunJournal } from './run-journal';
import { END_TRIGGERS, stateAfter, stateOf } from './run-state';
import { queryComplete } from './run-views';
import type { CancelRequest, RequestOnRun, RunDocument } from './run.schema';

/** A run that this process has claimed: as it was before, and what the claim made of it. */
export interface ClaimedRun {
  readonly run: RunDocument;
  readonly epoch: number;
  readonly claim: RunClaim;
  /** Where its admission was the claim: the session as it was then, and when the lease was asked for. */
  readonly session?: SessionDocument;
  readonly askedAtMs?: number;
}

export interface ExecutionPorts {
  readonly journal: RunJournal;
  readonly lease: HeldLease;
  readonly clock: Clock;
  readonly maxSeconds: number;
  /** The engine's items, or why the run cannot begin at all. */
  start(signal: AbortSignal): Promise<{ readonly items: AsyncGenerator<EngineItem, void> } | { readonly problem: EngineProblem }>;
  /** The engine threw: a bug of ours, for the log. */
  failed(error: unknown): void;
  /** The run ended for good. */
  ended(reason: RunEndReason, state: RunDocument['state']): void;
}

/** Made once: the default reason of an abort is an error with its stack. */
const OVER = new Error('The run is over');

/** Why the engine is stopped from outside. */
type StopCause = { readonly kind: 'cancel'; readonly request: CancelRequest } | { readonly kind: 'max_seconds' } | { readonly kind: 'lost' } | { readonly kind: 'drain' };

/** How `execute` came back: the run ended, was given back for others, or is not ours any more. */
export type ExecutionOutcome = 'ended' | 'released' | 'lost';

/** Carries one claimed run to its end: takes the engine's items and makes each durable before it asks for the next. */
export class RunExecution {
  /** Of the run; what may follow is the core's decision. */
  readonly state: RunState;
  private readonly stopEngine = new AbortController();
  private readonly over = new AbortController();
  private cause: StopCause | undefined;
  private isDraining = false;
  private progress: RunProgress;

  constructor(
    private readonly claimed: ClaimedRun,
    private readonly ports: ExecutionPorts,
  ) {
    const { run, claim } = claimed;
    this.state = claim.state.state === 'running' ? claim.state : stateOf(run);
    this.progress = run.progress;
    this.request(run.requests ?? []);
  }

  /** Acts on what is asked of the run; to hear of it again does no harm. No route asks for a pause or an answer yet. */
  request(requests: readonly RequestOnRun[]): void {
    const cancel = requests.find((request) => request.kind === 'cancel');
    if (cancel) this.stop({ kind: 'cancel', request: cancel });
  }

  /** The lease is lost: nothing more is done or written. */
  abandon(): void {
    this.ports.journal.abandon();
    this.stop({ kind: 'lost' });
  }

  /** Stops after the step in progress; `giveUp` stops at once. */
  drain(giveUp: boolean): void {
    this.isDraining = true;
    if (giveUp) this.stop({ kind: 'drain' });
  }

  async execute(): Promise<ExecutionOutcome> {
    this.limitTime();
    try {
      return await this.run();
    } catch (error) {
      if (error instanceof LeaseLost) return 'lost';
      throw error;
    } finally {
      this.over.abort(OVER);
      this.stopEngine.abort(OVER);
    }
  }

  private async run(): Promise<ExecutionOutcome> {
    if (!this.cause && (await this.begin()) === 'ended') return 'ended';
    if (!this.cause) {
      const started = await this.ports.start(this.stopEngine.signal);
      if ('problem' in started) {
        const { code, message } = started.problem;
        const event: RunEventBody = { type: 'error', data: { message, code, retryable: false, detail: null } };
        return this.end('error', { events: [event], error: { message, code } });
      }
      const outcome = await this.followOrFail(started.items);
      if (outcome) return outcome;
    }
    const { cause } = this;
    switch (cause?.kind) {
      case 'cancel':
        return this.endCancelled(cause.request);
      case 'max_seconds':
        return this.close('timeout', 'max_seconds', []);
      case 'lost':
        return 'lost';
      case 'drain':
      case undefined:
        await this.ports.journal.flushed();
        return 'released';
    }
  }

  /** What is to be said before the engine goes on: nothing the first time. A claim may find that the run is only to be ended. */
  private async begin(): Promise<'goes on' | 'ended'> {
    const { run, claim } = this.claimed;
    const failure = claim.state.state === 'failed' ? claim.state.failure : undefined;
    if (failure === 'queue_timeout') {
      const error = { code: failure, message: 'The run waited too long for a free slot. Try again later.' };
      await this.end(failure, { events: [errorEvent(error)], error });
    } else if (failure === 'crash_loop') {
      const error = { code: failure, message: 'The run was interrupted several times at the same step and was given up. Try again with a smaller task.' };
      await this.close('cancelled', failure, [errorEvent(error)], error);
    } else {
      if (run.started_at !== null) await this.ports.journal.show(recovered(run, claim));
      return 'goes on';
    }
    return 'ended';
  }

  /** A run that trips over a bug of ours ends with an error; taking it over would trip again. */
  private async followOrFail(items: AsyncGenerator<EngineItem, void>): Promise<ExecutionOutcome | undefined> {
    try {
      return await this.follow(items);
    } catch (error) {
      if (error instanceof LeaseLost) throw error;
      this.ports.failed(error);
      const problem = { code: 'internal', message: 'The run failed because of an internal error; its details are in the log of the server.' };
      return this.close('cancelled', 'error', [errorEvent(problem)], problem);
    }
  }

  /** Undefined when the engine was stopped from outside. */
  private async follow(items: AsyncGenerator<EngineItem, void>): Promise<ExecutionOutcome | undefined> {
    try {
      for await (const item of items) {
        if (this.cause) return undefined;
        switch (item.kind) {
          case 'event':
            await this.ports.journal.show(item.event);
            break;
          case 'step':
            await this.ports.journal.step(item);
            this.progress = item.progress;
            if (this.isDraining) return undefined;
            if (!(await this.ports.lease.readyForStep())) throw new LeaseLost();
            break;
          case 'end': {
            const { events, messages, end } = item;
            this.progress = item.progress;
            const error = end.error && { message: end.error.message, code: end.error.code };
            return await this.end(end.reason, { events, messages, output: end.output, error });
          }
        }
      }
    } finally {
      this.stopEngine.abort(OVER);
    }
    return undefined;
  }

  private async endCancelled(request: CancelRequest): Promise<ExecutionOutcome> {
    const { _id, session_id } = this.claimed.run;
    const data = { reason: request.reason, run_id: _id, session_id, by: request.by };
    return this.close('cancelled', request.ends_as, [{ type: 'cancelled', data }]);
  }

  /** Ends the run from outside: results for open calls, the end of the open iteration, then the last events. */
  private async close(outcome: 'cancelled' | 'timeout', reason: RunEndReason, events: readonly RunEventBody[], error: RunDocument['error'] = null): Promise<ExecutionOutcome> {
    const part = closeRun(this.progress, { runId: this.claimed.run._id, outcome, stopReason: reason, now: this.ports.clock.now() });
    this.progress = part.progress;
    return this.end(reason, { events: [...part.events, ...events], messages: part.messages, error });
  }

  private async end(
    reason: RunEndReason,
    last: Pick<StepPart, 'events'> & Partial<Pick<StepPart, 'messages'> & Pick<RunDocument, 'output' | 'error'>>,
  ): Promise<ExecutionOutcome> {
    const { events, messages = [], output = null, error = null } = last;
    const { progress } = this;
    const state = stateAfter(this.state, END_TRIGGERS[reason]);
    const nowMs = this.ports.clock.now();
    const complete = queryComplete(this.claimed.run, { reason, progress, nowMs });
    await this.ports.journal.end({ events: [...events, complete], messages, progress }, { ...state, output, error, reason, executor: null, ended_at: new Date(nowMs) });
    this.ports.ended(reason, state.state);
    return 'ended';
  }

  private limitTime(): void {
    const leftMs = Math.max(0, this.ports.maxSeconds * 1000 - this.claimed.run.active_ms);
    this.ports.clock.sleep(leftMs, this.over.signal).then(
      () => this.stop({ kind: 'max_seconds' }),
      () => undefined, // the run ended before
    );
  }

  /** The first cause counts, except that a lost lease ends everything. */
  private stop(cause: StopCause): void {
    if (this.cause === undefined || cause.kind === 'lost') this.cause = cause;
    this.stopEngine.abort(OVER);
  }
}

function errorEvent({ code, message }: EngineProblem): RunEventBody {
  return { type: 'error', data: { code, message, retryable: true, detail: null } };
}

/** Names the text that viewers must drop: what was shown of a step that never became complete. */
function recovered(run: RunDocument, { attempt }: RunClaim): RunEventBody {
  const superseded = run.last_seq > run.step_seq ? { from_seq: run.step_seq + 1, to_seq: run.last_seq } : null;
  const message = 'The run was interrupted and goes on after its last complete step.';
  return { type: 'status', data: { status: 'run_recovered', message, attempt, superseded } };
}
