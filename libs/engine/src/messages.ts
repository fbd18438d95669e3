import type { JsonObject } from '@agentfleet/contracts';

/** A call that a model made; `problem` says why it cannot be carried out (unknown tool, wrong arguments). */
export interface EngineToolCall {
  readonly id: string;
  readonly name: string;
  readonly input: JsonObject;
  readonly problem: string | null;
  /** The provider's own fields (a signature of its thoughts): sent back with the call to the same model. */
  readonly own?: JsonObject;
}

export interface UserMessage {
  readonly role: 'user';
  readonly runId: string;
  readonly content: string;
  /** Put before the input in the same message; `{}` adds nothing. */
  readonly context: JsonObject;
}

export interface AssistantMessage {
  readonly role: 'assistant';
  readonly runId: string;
  readonly content: string;
  readonly toolCalls: readonly EngineToolCall[];
  readonly model: string;
  /** The provider's own fields (its thoughts): sent back with the round to the same model. */
  readonly own?: JsonObject;
}

export interface ToolMessage {
  readonly role: 'tool';
  readonly runId: string;
  readonly toolCallId: string;
  readonly toolName: string;
  readonly content: string;
  readonly isError: boolean;
}

/** One complete step (or the user's input) of the transcript that the model sees. */
export type EngineMessage = UserMessage | AssistantMessage | ToolMessage;

/** The text that stands for the context of an input, or null when there is none. */
export function contextText(context: JsonObject): string | null {
  return Object.keys(context).length === 0 ? null : `Context:\n${JSON.stringify(context)}`;
}

/** Ids of all calls of a transcript. */
export function callIds(transcript: readonly EngineMessage[]): Set<string> {
  return new Set(transcript.flatMap((message) => (message.role === 'assistant' ? message.toolCalls.map((call) => call.id) : [])));
}

/** Calls of the last answer of a run that have no result yet, in the model's order. */
export function openCalls(transcript: readonly EngineMessage[], runId: string): readonly EngineToolCall[] {
  const own = transcript.filter((message) => message.runId === runId);
  const answered = new Set(own.flatMap((message) => (message.role === 'tool' ? [message.toolCallId] : [])));
  return own.flatMap((message) => (message.role === 'assistant' ? message.toolCalls : [])).filter((call) => !answered.has(call.id));
}
