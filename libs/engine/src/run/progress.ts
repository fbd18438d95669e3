import type { IterationEndData, RunUsage, TokenUsage } from '@agentfleet/contracts';
import { addTokens, addUsage, NO_TOKENS, NO_USAGE } from '../usage';

/** A call that is recorded and has no result yet. */
export interface OpenCall {
  readonly id: string;
  readonly name: string;
}

/**
 * Where a run stands between two steps: what a successor needs besides the transcript. Plain JSON; stored with each
 * step, so that iterations, counters and limits go on after a crash.
 */
export interface RunProgress {
  /** Rounds whose calls are recorded; the number of the present or last iteration. */
  readonly iteration: number;
  /** True from the calls of a round until its `iteration_end`. */
  readonly isIterationOpen: boolean;
  /** Milliseconds since 1970. */
  readonly iterationStartedAt: number;
  readonly iterationToolCalls: number;
  readonly iterationUsage: TokenUsage;
  readonly openCalls: readonly OpenCall[];
  readonly usage: RunUsage;
}

/** A run that has not asked the model yet. */
export function newProgress(startedAt: number): RunProgress {
  return {
    iteration: 0,
    isIterationOpen: false,
    iterationStartedAt: startedAt,
    iterationToolCalls: 0,
    iterationUsage: NO_TOKENS,
    openCalls: [],
    usage: NO_USAGE,
  };
}

/** After calls of the next round were recorded; the round before must be closed. */
export function withRound(progress: RunProgress, calls: readonly OpenCall[], usage: TokenUsage): RunProgress {
  return {
    ...progress,
    iteration: progress.iteration + 1,
    isIterationOpen: true,
    iterationToolCalls: calls.length,
    iterationUsage: addTokens(progress.iterationUsage, usage),
    openCalls: calls,
    usage: addUsage(progress.usage, usage, { modelCalls: 1, toolCalls: calls.length }),
  };
}

/** After the result of a call. */
export function withResult(progress: RunProgress, callId: string): RunProgress {
  return { ...progress, openCalls: progress.openCalls.filter((call) => call.id !== callId) };
}

/** After the last answer: its tokens count for the last iteration, and a run without calls has one iteration. */
export function withLastAnswer(progress: RunProgress, usage: TokenUsage): RunProgress {
  return {
    ...withModelUsage(progress, usage),
    iteration: Math.max(1, progress.iteration),
    isIterationOpen: true,
  };
}

/** After a model answer that opens and ends nothing (a failed one). */
export function withModelUsage(progress: RunProgress, usage: TokenUsage): RunProgress {
  return { ...progress, iterationUsage: addTokens(progress.iterationUsage, usage), usage: addUsage(progress.usage, usage, { modelCalls: 1 }) };
}

/** Ends the open iteration; the next one starts now. Nothing to end: no data. */
export function endIteration(progress: RunProgress, stopReason: string, now: number): { data: IterationEndData | null; progress: RunProgress } {
  if (!progress.isIterationOpen) return { data: null, progress };
  const data: IterationEndData = {
    iteration: progress.iteration,
    tool_calls: progress.iterationToolCalls,
    tool_calls_count: progress.iterationToolCalls,
    duration_seconds: Math.max(0, now - progress.iterationStartedAt) / 1000,
    token_usage: progress.iterationUsage,
    tokens_used: progress.iterationUsage.total_tokens,
    stop_reason: stopReason,
  };
  const next = { ...progress, isIterationOpen: false, iterationStartedAt: now, iterationToolCalls: 0, iterationUsage: NO_TOKENS };
  return { data, progress: next };
}
