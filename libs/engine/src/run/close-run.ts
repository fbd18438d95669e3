import type { RunEventBody } from '@agentfleet/contracts';
import { cutInTheMiddle } from '../tools/cut-text';
import { toolMessage, toolResultEvent, type StepPart } from './items';
import { endIteration, withResult, type RunProgress } from './progress';

const TEXTS = {
  cancelled: 'The call was cancelled. If it had already begun, it may have had effects.',
  timeout: 'The time of the run was used up before the call was finished. It may have had effects.',
} as const;

/**
 * Ends a run from outside (cancel, delete, a limit, a crash loop), with or without a living executor: results for its
 * open calls, then the end of its open iteration. What comes after is the caller's.
 */
export function closeRun(
  progress: RunProgress,
  options: { readonly runId: string; readonly outcome: keyof typeof TEXTS; readonly stopReason: string; readonly now: number },
): StepPart {
  const text = TEXTS[options.outcome];
  const cut = cutInTheMiddle(text, Buffer.byteLength(text));
  const events: RunEventBody[] = [];
  let next = progress;
  for (const call of progress.openCalls) {
    events.push(toolResultEvent(call, { cut, outcome: options.outcome, durationMs: 0 }));
    next = withResult(next, call.id);
  }
  const messages = progress.openCalls.map((call) => toolMessage(options.runId, call, text, true));
  const ended = endIteration(next, options.stopReason, options.now);
  if (ended.data) events.push({ type: 'iteration_end', data: ended.data });
  return { events, messages, progress: ended.progress };
}
