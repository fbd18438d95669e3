import type { EngineName, SessionInfoData, ToolPolicy } from '@agentfleet/contracts';
import type { EngineItem, EngineMessage, RunProgress } from '@agentfleet/engine';

/** A run as its engine sees it. */
export interface EngineTask {
  readonly runId: string;
  readonly sessionId: string;
  /** As the session names it; undefined: the default model, whatever it is at the time. */
  readonly modelName: string | undefined;
  readonly workspaceDir: string;
  readonly toolPolicy: ToolPolicy;
  readonly progress: RunProgress;
  readonly maxIterations: number;
  readonly maxTokens: number | undefined;
  readonly signal: AbortSignal;
}

/** Why a run cannot begin, for people. */
export interface EngineProblem {
  readonly code: string;
  readonly message: string;
}

/** What carries out runs: in this process, or wherever an agent is. Whoever calls it makes durable what it yields. */
export interface Engine {
  readonly name: EngineName;
  /** What a run may use under this policy, and why what could be expected is missing. */
  offer(policy: ToolPolicy): Pick<SessionInfoData, 'tools' | 'notices'>;
  /** Makes sure that the run can begin; otherwise says why it cannot. */
  prepare(task: EngineTask): Promise<EngineProblem | undefined>;
  /** Goes on after the last complete step. `EngineItem` says what becomes of each item; ends early when the signal fires. */
  run(task: EngineTask, transcript: readonly EngineMessage[]): AsyncGenerator<EngineItem, void>;
}
