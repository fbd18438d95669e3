import type { ToolOutcome } from '@agentfleet/contracts';
import type { EngineClock } from '../clock';
import type { EngineMessage } from '../messages';
import type { ModelObserver } from '../model/ask-model';
import type { EngineModel } from '../model/model';
import type { Toolset } from '../tools/tool';
import type { RunProgress } from './progress';

export interface AgentRunLimits {
  /** Tool rounds; the model is asked once more after the last. */
  readonly maxIterations: number;
  readonly maxTokens: number | null;
  /** Oldest runs are left out of the request above this estimate. */
  readonly contextTokens: number;
  /** True when nobody said how much the model takes: then the provider decides whether a single run is too large. */
  readonly isContextAssumed?: boolean;
  readonly toolResultMaxBytes: number;
}

export interface EngineObserver {
  readonly modelCall?: ModelObserver;
  toolCall?(tool: string, outcome: ToolOutcome): void;
  /** A tool threw: a bug or a broken disk, for the log. */
  toolFailure?(tool: string, error: unknown): void;
}

/** Everything that one run of the loop needs. */
export interface AgentRun {
  readonly runId: string;
  readonly model: EngineModel;
  readonly system: string;
  readonly tools: Toolset;
  readonly workspaceDir: string;
  /**
   * Earlier runs of the session, this run's input and its complete steps. A run that another process began goes on
   * after its last complete step.
   */
  readonly transcript: readonly EngineMessage[];
  readonly progress: RunProgress;
  readonly limits: AgentRunLimits;
  readonly signal: AbortSignal;
  readonly clock: EngineClock;
  /** A fresh id for a tool call. */
  newCallId(): string;
  readonly observer?: EngineObserver;
}
