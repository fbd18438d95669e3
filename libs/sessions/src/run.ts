import { unreachable } from '@agentfleet/errors';

export const RUN_STATES = ['queued', 'running', 'waiting', 'succeeded', 'failed', 'cancelled'] as const;
export type RunStateName = (typeof RUN_STATES)[number];

/** Why a run failed without an error of the model. */
export type RunFailure =
  | 'queue_timeout'
  | 'wait_expired'
  | 'crash_loop'
  | 'error'
  /** The name of the limit that was reached, such as `max_iterations`. */
  | { readonly limit: string };

/**
 * Where a run stands. `pauseRequested`: a pause was asked for and takes effect at the next step boundary.
 * `inputPending`: a tool call waits for an answer, also while the run is paused.
 */
export type RunState =
  | { readonly state: 'queued' }
  | { readonly state: 'running'; readonly pauseRequested: boolean }
  | { readonly state: 'waiting'; readonly waitingFor: 'input' }
  | { readonly state: 'waiting'; readonly waitingFor: 'resume'; readonly inputPending: boolean }
  | { readonly state: 'succeeded' }
  | { readonly state: 'failed'; readonly failure: RunFailure }
  | { readonly state: 'cancelled' };

/** What can happen to a run (contract execution-gateway section 7). */
export type RunTrigger =
  | { readonly kind: 'claimed' }
  | { readonly kind: 'queue_timed_out' }
  /** The last answer had no tool calls. */
  | { readonly kind: 'finished' }
  | { readonly kind: 'limit_reached'; readonly limit: string }
  | { readonly kind: 'engine_failed' }
  /** A tool call needs an answer of a person. */
  | { readonly kind: 'input_needed' }
  /** The answer came, or its time was up (then it counts as denied). */
  | { readonly kind: 'input_resolved' }
  | { readonly kind: 'pause' }
  /** A step is complete: a requested pause takes effect. */
  | { readonly kind: 'step_boundary' }
  | { readonly kind: 'resume' }
  | { readonly kind: 'wait_expired' }
  /** The executor is gone. `takeoversAtStep` counts this one, at the same step. */
  | { readonly kind: 'lease_lost'; readonly takeoversAtStep: number }
  /** The executor gives it back, since its replica ends. */
  | { readonly kind: 'released' }
  | { readonly kind: 'cancel' };

export type RunTransition =
  | { readonly kind: 'moved'; readonly to: RunState }
  /** Nothing to act on; a request for it is answered with success and no effect. */
  | { readonly kind: 'unchanged' }
  /** Cannot happen in this state: a bug, or a write of an executor that lost its lease. */
  | { readonly kind: 'impossible' };

/** A run that was taken over this often at one step ends: a poisonous run must not kill replica after replica. */
export const MAX_TAKEOVERS_AT_STEP = 5;

const UNCHANGED: RunTransition = { kind: 'unchanged' };
const IMPOSSIBLE: RunTransition = { kind: 'impossible' };
const moved = (to: RunState): RunTransition => ({ kind: 'moved', to });
const fail = (failure: RunFailure): RunTransition => moved({ state: 'failed', failure });
const QUEUED = moved({ state: 'queued' });
const CANCELLED = moved({ state: 'cancelled' });

export function isFinalRunState(state: RunStateName): boolean {
  return state === 'succeeded' || state === 'failed' || state === 'cancelled';
}

/** What the trigger makes of the run. */
export function transitionRun(run: RunState, trigger: RunTrigger): RunTransition {
  switch (run.state) {
    case 'queued':
      return fromQueued(trigger);
    case 'running':
      return fromRunning(run.pauseRequested, trigger);
    case 'waiting':
      return run.waitingFor === 'input' ? fromWaitingForInput(trigger) : fromPaused(run.inputPending, trigger);
    case 'succeeded':
    case 'failed':
    case 'cancelled':
      return UNCHANGED;
    default:
      return unreachable(run);
  }
}

function fromQueued(trigger: RunTrigger): RunTransition {
  switch (trigger.kind) {
    case 'claimed':
      return moved({ state: 'running', pauseRequested: false });
    case 'queue_timed_out':
      return fail('queue_timeout');
    case 'pause':
      return moved({ state: 'waiting', waitingFor: 'resume', inputPending: false });
    case 'resume':
      return UNCHANGED;
    case 'cancel':
      return CANCELLED;
    default:
      return IMPOSSIBLE;
  }
}

function fromRunning(pauseRequested: boolean, trigger: RunTrigger): RunTransition {
  switch (trigger.kind) {
    case 'finished':
      return moved({ state: 'succeeded' });
    case 'limit_reached':
      return fail({ limit: trigger.limit });
    case 'engine_failed':
      return fail('error');
    case 'input_needed':
      return moved(pauseRequested ? { state: 'waiting', waitingFor: 'resume', inputPending: true } : { state: 'waiting', waitingFor: 'input' });
    case 'pause':
      return pauseRequested ? UNCHANGED : moved({ state: 'running', pauseRequested: true });
    case 'step_boundary':
      return pauseRequested ? moved({ state: 'waiting', waitingFor: 'resume', inputPending: false }) : UNCHANGED;
    case 'resume':
      return pauseRequested ? moved({ state: 'running', pauseRequested: false }) : UNCHANGED;
    case 'lease_lost':
      return trigger.takeoversAtStep >= MAX_TAKEOVERS_AT_STEP ? fail('crash_loop') : QUEUED;
    case 'released':
      return QUEUED;
    case 'cancel':
      return CANCELLED;
    default:
      return IMPOSSIBLE;
  }
}

function fromWaitingForInput(trigger: RunTrigger): RunTransition {
  switch (trigger.kind) {
    case 'input_resolved':
      return QUEUED;
    case 'pause':
      return moved({ state: 'waiting', waitingFor: 'resume', inputPending: true });
    case 'resume':
      return UNCHANGED;
    case 'wait_expired':
      return fail('wait_expired');
    case 'cancel':
      return CANCELLED;
    default:
      return IMPOSSIBLE;
  }
}

function fromPaused(inputPending: boolean, trigger: RunTrigger): RunTransition {
  switch (trigger.kind) {
    case 'resume':
      return inputPending ? moved({ state: 'waiting', waitingFor: 'input' }) : QUEUED;
    case 'input_resolved':
      return inputPending ? moved({ state: 'waiting', waitingFor: 'resume', inputPending: false }) : IMPOSSIBLE;
    case 'pause':
      return UNCHANGED;
    case 'wait_expired':
      return fail('wait_expired');
    case 'cancel':
      return CANCELLED;
    default:
      return IMPOSSIBLE;
  }
}

/** What is known of a run that nobody executes: it waits, or its executor is gone. */
export interface UnheldRun {
  readonly state: RunState;
  /** Counts the executors that began it, from 1. */
  readonly attempt: number;
  readonly hasStarted: boolean;
  /** Executors that were lost at its present step. */
  readonly takeoversAtStep: number;
  /** It waits for longer than a run may wait for its first executor. */
  readonly isOverdue: boolean;
}

/** What a replica that claims a run makes of it: it runs, or all that is left to do is to end it. */
export interface RunClaim {
  readonly state: Extract<RunState, { state: 'running' | 'failed' }>;
  readonly attempt: number;
  readonly takeoversAtStep: number;
  readonly isTakeover: boolean;
}

/** Undefined when nobody may execute the run: it waits for somebody, or has ended. */
export function claimRun(run: UnheldRun): RunClaim | undefined {
  const isTakeover = run.state.state === 'running';
  if (!isTakeover && run.state.state !== 'queued') return undefined;
  const takeoversAtStep = run.takeoversAtStep + (isTakeover ? 1 : 0);
  const freed = isTakeover ? transitionRun(run.state, { kind: 'lease_lost', takeoversAtStep }) : moved(run.state);
  const isQueued = freed.kind === 'moved' && freed.to.state === 'queued';
  const claimed = isQueued ? transitionRun(freed.to, { kind: run.isOverdue && !run.hasStarted ? 'queue_timed_out' : 'claimed' }) : freed;
  if (claimed.kind !== 'moved' || (claimed.to.state !== 'running' && claimed.to.state !== 'failed')) return undefined;
  const isAgain = run.hasStarted && claimed.to.state === 'running';
  return { state: claimed.to, attempt: run.attempt + (isAgain ? 1 : 0), takeoversAtStep, isTakeover };
}
