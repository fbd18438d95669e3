import type { RunEventBody } from '@agentfleet/contracts';
import type { EngineMessage } from '../messages';
import { fitTranscript, textTokens, type FittedTranscript } from '../transcript/fit-transcript';
import type { AgentRun } from './agent-run';

/** What one run may send at once: begins with the configured size and learns from refusals. */
export class ContextWindow {
  private maxTokens: number;
  private readonly overheadTokens: number;
  private leftOut = { runs: 0, results: 0 };

  constructor(private readonly agent: AgentRun) {
    this.maxTokens = agent.limits.contextTokens;
    this.overheadTokens = textTokens(agent.system) + textTokens(JSON.stringify(agent.tools.declarations()));
  }

  fit(transcript: readonly EngineMessage[]): FittedTranscript {
    return fitTranscript(transcript, { runId: this.agent.runId, maxTokens: this.maxTokens, overheadTokens: this.overheadTokens });
  }

  /** A size that somebody set is kept; one that is only assumed is for the provider to refuse. */
  isKnownTooLarge(fitted: FittedTranscript): boolean {
    return this.agent.limits.isContextAssumed !== true && fitted.estimate > this.agent.limits.contextTokens;
  }

  /** From now on requests are at most so large. */
  learn(maxTokens: number): void {
    this.maxTokens = Math.min(this.maxTokens, maxTokens);
  }

  /** The event that says what is left out, when it is more than was said before. */
  newlyLeftOut({ droppedRuns, droppedResults }: FittedTranscript): RunEventBody | null {
    if (droppedRuns <= this.leftOut.runs && droppedResults <= this.leftOut.results) return null;
    this.leftOut = { runs: droppedRuns, results: droppedResults };
    const parts = [
      ...(droppedRuns > 0 ? [`the oldest ${droppedRuns} of its inputs and answers`] : []),
      ...(droppedResults > 0 ? [`the oldest ${droppedResults} tool results of this run`] : []),
    ];
    const message = `The conversation is longer than the model takes: ${parts.join(' and ')} are left out of the request.`;
    return { type: 'status', data: { status: 'history_truncated', message, dropped_runs: droppedRuns, dropped_results: droppedResults } };
  }
}
