import type { JsonObject } from '@agentfleet/contracts';
import type { ModelMessage, ToolResultPart } from 'ai';

/** A call that a model made; `problem` says why it cannot be carried out (unknown tool, wrong arguments). */
export interface EngineToolCall {
  readonly id: string;
  readonly name: string;
  readonly input: JsonObject;
  readonly problem: string | null;
}

export interface UserMessage {
  readonly role: 'user';
  readonly runId: string;
  readonly content: string;
  /** Put before the input as a text part of its own; `{}` adds nothing. */
  readonly context: JsonObject;
}

export interface AssistantMessage {
  readonly role: 'assistant';
  readonly runId: string;
  readonly content: string;
  readonly toolCalls: readonly EngineToolCall[];
  readonly model: string;
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

const MISSING_RESULT = 'There is no result: the call was interrupted and may have had effects.';

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

/**
 * The transcript as a provider accepts it: each call followed by exactly one result (missing ones are filled in, so that
 * a cancelled run cannot spoil the session), no empty answers.
 */
export function toModelMessages(transcript: readonly EngineMessage[]): ModelMessage[] {
  const results = new Map(transcript.flatMap((message) => (message.role === 'tool' ? [[message.toolCallId, message] as const] : [])));
  return transcript.flatMap((message): ModelMessage[] => {
    switch (message.role) {
      case 'user':
        return [userMessage(message)];
      case 'assistant':
        return assistantMessages(message, results);
      case 'tool':
        return []; // placed behind its call
    }
  });
}

function userMessage(message: UserMessage): ModelMessage {
  const context = contextText(message.context);
  const parts = context === null ? [message.content] : [context, message.content];
  return { role: 'user', content: parts.map((text) => ({ type: 'text', text })) };
}

function assistantMessages(message: AssistantMessage, results: ReadonlyMap<string, ToolMessage>): ModelMessage[] {
  const text = message.content === '' ? [] : [{ type: 'text' as const, text: message.content }];
  const calls = message.toolCalls.map((call) => ({ type: 'tool-call' as const, toolCallId: call.id, toolName: call.name, input: call.input }));
  if (text.length + calls.length === 0) return [];
  const answer: ModelMessage = { role: 'assistant', content: [...text, ...calls] };
  if (calls.length === 0) return [answer];
  return [answer, { role: 'tool', content: message.toolCalls.map((call) => resultPart(call, results.get(call.id))) }];
}

function resultPart(call: EngineToolCall, result: ToolMessage | undefined): ToolResultPart {
  const isError = result?.isError ?? true;
  const value = result?.content ?? MISSING_RESULT;
  return { type: 'tool-result', toolCallId: call.id, toolName: call.name, output: { type: isError ? 'error-text' : 'text', value } };
}

/** Rough size of a transcript in tokens: characters / 4. */
export function estimateTokens(messages: readonly EngineMessage[]): number {
  let characters = 0;
  for (const message of messages) {
    characters += message.content.length;
    if (message.role === 'user') characters += contextText(message.context)?.length ?? 0;
    if (message.role === 'assistant') for (const call of message.toolCalls) characters += call.name.length + JSON.stringify(call.input).length;
  }
  return Math.ceil(characters / 4);
}

/** Leaves out the oldest whole runs until the estimate fits; the present run always stays. */
export function fitTranscript(
  transcript: readonly EngineMessage[],
  options: { readonly runId: string; readonly maxTokens: number },
): { readonly messages: readonly EngineMessage[]; readonly droppedRuns: number } {
  let messages = transcript;
  let droppedRuns = 0;
  while (estimateTokens(messages) > options.maxTokens) {
    const oldest = messages[0]?.runId;
    if (oldest === undefined || oldest === options.runId) break;
    messages = messages.filter((message) => message.runId !== oldest);
    droppedRuns += 1;
  }
  return { messages, droppedRuns };
}
