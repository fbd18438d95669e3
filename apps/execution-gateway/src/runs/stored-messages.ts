import type { EngineName, GatewayMessageView, JsonObject } from '@agentfleet/contracts';
import { contextText, type EngineMessage, type EngineToolCall } from '@agentfleet/engine';
import { wireTime } from '@agentfleet/sessions';
import { storedObject } from '../sessions/session-views';
import type { MessageDocument } from './message.schema';

/** A message of the engine as it is stored. */
export function messageDocument(message: EngineMessage, place: { sessionKey: string; engine: EngineName; index: number; epoch: number; at: Date }): MessageDocument {
  const base = {
    session_key: place.sessionKey,
    index: place.index,
    run_id: message.runId,
    epoch: place.epoch,
    content: message.content,
    context_json: '{}',
    tool_calls: [],
    tool_call_id: null,
    tool_name: null,
    is_error: false,
    model: null,
    engine: place.engine,
    created_at: place.at,
  };
  switch (message.role) {
    case 'user':
      return { ...base, role: 'user', context_json: JSON.stringify(message.context) };
    case 'assistant':
      return { ...base, role: 'assistant', model: message.model, tool_calls: message.toolCalls.map(storedCall), ...storedOwn(message.own) };
    case 'tool':
      return { ...base, role: 'tool', tool_call_id: message.toolCallId, tool_name: message.toolName, is_error: message.isError };
  }
}

/** The stored message as the engine takes it. */
export function engineMessage(stored: MessageDocument): EngineMessage {
  const { run_id: runId, content } = stored;
  switch (stored.role) {
    case 'user':
      return { role: 'user', runId, content, context: storedObject(stored.context_json) };
    case 'assistant':
      return { role: 'assistant', runId, content, model: stored.model ?? '', toolCalls: stored.tool_calls.map(engineCall), ...engineOwn(stored.own_json) };
    case 'tool':
      return { role: 'tool', runId, content, toolCallId: stored.tool_call_id ?? '', toolName: stored.tool_name ?? '', isError: stored.is_error };
  }
}

/** The stored message as REST shows it: whole, as the model sees it. */
export function messageView(stored: MessageDocument): GatewayMessageView {
  const context = stored.role === 'user' ? contextText(storedObject(stored.context_json)) : null;
  return {
    index: stored.index,
    run_id: stored.run_id,
    role: stored.role,
    content: context === null ? stored.content : `${context}\n\n${stored.content}`,
    tool_calls: stored.tool_calls.map((call) => ({ id: call.id, name: call.name, input: storedObject(call.input_json) })),
    tool_call_id: stored.tool_call_id,
    is_error: stored.is_error,
    model: stored.model,
    engine: stored.engine,
    created_at: wireTime(stored.created_at.getTime()),
  };
}

function storedCall(call: EngineToolCall): MessageDocument['tool_calls'][number] {
  return { id: call.id, name: call.name, input_json: JSON.stringify(call.input), problem: call.problem, ...storedOwn(call.own) };
}

function engineCall(call: MessageDocument['tool_calls'][number]): EngineToolCall {
  return { id: call.id, name: call.name, input: storedObject(call.input_json), problem: call.problem, ...engineOwn(call.own_json) };
}

function storedOwn(own: JsonObject | undefined): { own_json?: string } {
  return own === undefined || Object.keys(own).length === 0 ? {} : { own_json: JSON.stringify(own) };
}

function engineOwn(json: string | undefined): { own?: JsonObject } {
  return json === undefined ? {} : { own: storedObject(json) };
}
