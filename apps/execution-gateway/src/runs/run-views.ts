import type { QueryCompleteData, RunEndReason, RunEventBody, RunView } from '@agentfleet/contracts';
import type { RunProgress } from '@agentfleet/engine';
import { wireTime, wireTimeOrNull } from '@agentfleet/sessions';
import { storedObject } from '../sessions/session-views';
import type { RunDocument } from './run.schema';

export function runView(run: RunDocument): RunView {
  return {
    run_id: run._id,
    session_id: run.session_id,
    state: run.state,
    waiting_for: null,
    reason: run.reason,
    engine: run.engine,
    model: run.model,
    iteration: run.progress.iteration,
    attempt: run.attempt,
    first_seq: run.first_seq,
    last_seq: run.last_seq,
    created_at: wireTime(run.created_at.getTime()),
    started_at: wireTimeOrNull(run.started_at?.getTime() ?? null),
    ended_at: wireTimeOrNull(run.ended_at?.getTime() ?? null),
    output: run.output,
    usage: run.progress.usage,
    limits: run.limits,
    metadata: storedObject(run.metadata_json),
    error: run.error,
  };
}

const MESSAGES: Readonly<Record<RunEndReason, string>> = {
  stop: 'The run is complete.',
  max_iterations: 'The run ended at its limit of iterations.',
  max_tokens: 'The run ended at its limit of tokens.',
  max_seconds: 'The run ended at its time limit.',
  max_cost: 'The run ended at its cost limit.',
  length: "The model's answer ended at its length limit.",
  error: 'The run ended with an error.',
  wait_expired: 'The run waited too long for an answer.',
  queue_timeout: 'The run waited too long for a free slot.',
  crash_loop: 'The run was given up after it had been interrupted several times at the same step.',
  cancelled: 'The run was cancelled.',
  session_deleted: 'The run ended because its session was deleted.',
};

/** The last event of every run. */
export function queryComplete(
  run: Pick<RunDocument, '_id' | 'turn_id' | 'created_at'>,
  end: { readonly reason: RunEndReason; readonly progress: RunProgress; readonly nowMs: number },
): RunEventBody {
  const { reason, progress } = end;
  const data: QueryCompleteData = {
    run_id: run._id,
    turn_id: run.turn_id,
    completed: reason === 'stop',
    cancelled: reason === 'cancelled' || reason === 'session_deleted',
    reason,
    message: MESSAGES[reason],
    iterations: progress.iteration,
    tool_calls: progress.usage.tool_calls,
    usage: progress.usage,
    duration_seconds: Math.max(0, end.nowMs - run.created_at.getTime()) / 1000,
  };
  return { type: 'query_complete', data };
}
