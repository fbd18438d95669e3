import { cutText, type ToolOutcome } from '@agentfleet/contracts';
import type { EngineToolCall } from '../messages';
import { cutInTheMiddle } from '../tools/cut-text';
import type { Toolset } from '../tools/tool';
import type { AgentRun } from './agent-run';
import { toolMessage, toolResultEvent, type EngineItem } from './items';
import { withResult, type RunProgress } from './progress';

const MAX_SIDE_BY_SIDE = 8;

interface Finished {
  readonly call: EngineToolCall;
  readonly text: string;
  readonly outcome: ToolOutcome;
  readonly durationMs: number;
}

/**
 * Carries out recorded calls: runs of read-only ones side by side, others alone, in the model's order; yields one step
 * for each result, as they finish. Returns the progress after them.
 */
export async function* executeCalls(run: AgentRun, progress: RunProgress, calls: readonly EngineToolCall[]): AsyncGenerator<EngineItem, RunProgress> {
  let next = progress;
  for (const group of groups(calls, run.tools)) {
    for await (const finished of finishing(group, (call) => carryOut(run, call))) {
      if (run.signal.aborted) return next;
      next = withResult(next, finished.call.id);
      yield resultStep(run, next, finished);
    }
  }
  return next;
}

/** After a crash: read-only calls run again, of all others nobody knows what they did. */
export function partitionInterrupted(calls: readonly EngineToolCall[], tools: Toolset): { again: EngineToolCall[]; unknown: EngineToolCall[] } {
  const again = calls.filter((call) => call.problem !== null || isReadOnly(call, tools));
  return { again, unknown: calls.filter((call) => !again.includes(call)) };
}

const UNKNOWN_OUTCOME = 'The outcome of this call is unknown; it was not repeated.';

/** The step for a call that was interrupted by a crash and is not repeated. */
export function unknownOutcomeStep(run: AgentRun, progress: RunProgress, call: EngineToolCall): EngineItem & { kind: 'step' } {
  return resultStep(run, withResult(progress, call.id), { call, text: UNKNOWN_OUTCOME, outcome: 'unknown', durationMs: 0 });
}

function resultStep(run: AgentRun, progress: RunProgress, finished: Finished): EngineItem & { kind: 'step' } {
  // A blank result looks like none, and some providers refuse it.
  const cut = cutInTheMiddle(finished.text.trim() === '' ? '(empty)' : finished.text, run.limits.toolResultMaxBytes);
  const isError = finished.outcome !== 'ok';
  run.observer?.toolCall?.(finished.call.name, finished.outcome);
  return {
    kind: 'step',
    events: [toolResultEvent(finished.call, { cut, outcome: finished.outcome, durationMs: finished.durationMs })],
    messages: [toolMessage(run.runId, finished.call, cut.text, isError)],
    progress,
  };
}

async function carryOut(run: AgentRun, call: EngineToolCall): Promise<Finished> {
  if (call.problem !== null) return { call, text: call.problem, outcome: 'error', durationMs: 0 };
  const tool = run.tools.get(call.name);
  if (!tool) return { call, text: unknownTool(call.name, run.tools), outcome: 'error', durationMs: 0 };
  const startedAt = run.clock.monotonicMs();
  try {
    const answer = await tool.run(call.input, { workspaceDir: run.workspaceDir, signal: run.signal });
    return { call, text: answer.text, outcome: answer.isError ? 'error' : 'ok', durationMs: Math.round(run.clock.monotonicMs() - startedAt) };
  } catch (error) {
    if (!run.signal.aborted) run.observer?.toolFailure?.(call.name, error);
    const text = `${call.name} failed because of an internal error; its details are in the server's log.`;
    return { call, text, outcome: 'error', durationMs: Math.round(run.clock.monotonicMs() - startedAt) };
  }
}

export function unknownTool(name: string, tools: Toolset): string {
  const offered = tools.names.length === 0 ? 'No tools are offered.' : `Offered are: ${tools.names.join(', ')}.`;
  return `There is no tool named ${JSON.stringify(cutText(name, 64))}. ${offered}`;
}

function isReadOnly(call: EngineToolCall, tools: Toolset): boolean {
  return tools.get(call.name)?.isReadOnly ?? false;
}

/** Neighbouring read-only calls together, every other call alone. */
function groups(calls: readonly EngineToolCall[], tools: Toolset): EngineToolCall[][] {
  const all: EngineToolCall[][] = [];
  let open: EngineToolCall[] | null = null;
  for (const call of calls) {
    const joins = call.problem !== null || isReadOnly(call, tools);
    if (joins && open) open.push(call);
    else {
      const group = [call];
      all.push(group);
      open = joins ? group : null;
    }
  }
  return all;
}

/** Yields results as they finish, at most eight under way. */
async function* finishing<A, B>(inputs: readonly A[], work: (input: A) => Promise<B>): AsyncGenerator<B> {
  const waiting = [...inputs];
  const underWay = new Map<number, Promise<{ id: number; result: B }>>();
  for (let id = 0; waiting.length > 0 || underWay.size > 0; ) {
    for (let input = waiting[0]; input !== undefined && underWay.size < MAX_SIDE_BY_SIDE; input = waiting[0]) {
      waiting.shift();
      const own = id++;
      underWay.set(own, work(input).then((result) => ({ id: own, result })));
    }
    const { id: done, result } = await Promise.race(underWay.values());
    underWay.delete(done);
    yield result;
  }
}
