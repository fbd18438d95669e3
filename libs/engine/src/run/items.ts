import type { RunEndReason, RunErrorData, RunEventBody, ToolOutcome } from '@agentfleet/contracts';
import type { EngineMessage, ToolMessage } from '../messages';
import type { CutText } from '../tools/cut-text';
import type { RunProgress } from './progress';

export type EngineEndReason = Extract<RunEndReason, 'stop' | 'max_iterations' | 'max_tokens' | 'length' | 'error'>;

/** How the loop ended by itself. */
export interface RunEnd {
  readonly reason: EngineEndReason;
  /** The text after the last tool round. */
  readonly output: string | null;
  readonly error: RunErrorData | null;
}

/**
 * What the loop yields. The caller makes each item durable before it asks for the next one:
 * - `event`: shown at once, belongs to no finished step (text as it streams, retries);
 * - `step`: a complete step; its events, messages and progress belong into one transaction;
 * - `end`: the same for the last step; `query_complete` is the caller's, in the same transaction.
 * When the signal fires the loop ends without an `end`.
 */
export type EngineItem =
  | { readonly kind: 'event'; readonly event: RunEventBody }
  | ({ readonly kind: 'step' } & StepPart)
  | ({ readonly kind: 'end'; readonly end: RunEnd } & StepPart);

export interface StepPart {
  readonly events: readonly RunEventBody[];
  readonly messages: readonly EngineMessage[];
  readonly progress: RunProgress;
}

const PREVIEW_CHARACTERS = 500;

/** The event of a finished call. */
export function toolResultEvent(
  call: { readonly id: string; readonly name: string },
  result: { readonly cut: CutText; readonly outcome: ToolOutcome; readonly durationMs: number },
): RunEventBody {
  const { cut } = result;
  const data = {
    tool_call_id: call.id,
    tool_use_id: call.id,
    name: call.name,
    result: cut.text,
    content_preview: [...cut.text.slice(0, 2 * PREVIEW_CHARACTERS)].slice(0, PREVIEW_CHARACTERS).join(''),
    is_error: result.outcome !== 'ok',
    outcome: result.outcome,
    duration_ms: Math.max(0, Math.round(result.durationMs)),
    truncated: cut.truncated,
    size_bytes: cut.sizeBytes,
  };
  return { type: 'tool_result', data };
}

export function toolMessage(runId: string, call: { readonly id: string; readonly name: string }, text: string, isError: boolean): ToolMessage {
  return { role: 'tool', runId, toolCallId: call.id, toolName: call.name, content: text, isError };
}
