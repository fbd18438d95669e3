import type { RunEndReason } from '@agentfleet/contracts';
import { claimRun, isFinalRunState, MAX_TAKEOVERS_AT_STEP, transitionRun, type RunClaim, type RunState, type RunTrigger } from '@agentfleet/sessions';
import type { RunDocument } from './run.schema';

type StoredState = Pick<RunDocument, 'state' | 'active'>;

/**
 * A stored run as the core sees it. Until runs can be paused and wait for answers nothing asks for a pause, for what a run waits, or why
 * it failed: then these come from its `requests` and from fields of their own.
 */
export function stateOf({ state }: Pick<RunDocument, 'state'>): RunState {
  switch (state) {
    case 'running':
      return { state, pauseRequested: false };
    case 'waiting':
      return { state, waitingFor: 'resume', inputPending: false };
    case 'failed':
      return { state, failure: 'error' };
    case 'queued':
    case 'succeeded':
    case 'cancelled':
      return { state };
  }
}

/** What a claim of this run comes to; undefined when there is nothing to execute. */
export function claimOf(run: RunDocument, queue: { readonly nowMs: number; readonly timeoutMs: number }): RunClaim | undefined {
  const isOverdue = queue.nowMs - run.created_at.getTime() > queue.timeoutMs;
  return claimRun({ state: stateOf(run), attempt: run.attempt, hasStarted: run.started_at !== null, takeoversAtStep: run.takeovers_at_step, isOverdue });
}

/** What is stored of the state that a run is in after this. @throws Error when it cannot happen to the run: a bug of ours */
export function stateAfter(state: RunState, trigger: RunTrigger): StoredState {
  const next = transitionRun(state, trigger);
  if (next.kind !== 'moved') throw new Error(`A run that is ${state.state} cannot be ${trigger.kind}`);
  return { state: next.to.state, active: !isFinalRunState(next.to.state) };
}

/** What each reason to end is for the core. */
export const END_TRIGGERS: Readonly<Record<RunEndReason, RunTrigger>> = {
  stop: { kind: 'finished' },
  max_iterations: { kind: 'limit_reached', limit: 'max_iterations' },
  max_tokens: { kind: 'limit_reached', limit: 'max_tokens' },
  max_seconds: { kind: 'limit_reached', limit: 'max_seconds' },
  max_cost: { kind: 'limit_reached', limit: 'max_cost' },
  length: { kind: 'limit_reached', limit: 'length' },
  error: { kind: 'engine_failed' },
  wait_expired: { kind: 'wait_expired' },
  queue_timeout: { kind: 'queue_timed_out' },
  crash_loop: { kind: 'lease_lost', takeoversAtStep: MAX_TAKEOVERS_AT_STEP },
  cancelled: { kind: 'cancel' },
  session_deleted: { kind: 'cancel' },
};
