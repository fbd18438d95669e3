import { isJsonObject, type JsonObject } from '@agentfleet/contracts';

export interface ChatCall {
  readonly id: string;
  readonly name: string;
  readonly arguments: string;
}

export type ChatMessage =
  | { readonly role: 'system' | 'developer' | 'user'; readonly text: string }
  | { readonly role: 'assistant'; readonly text: string; readonly calls: readonly ChatCall[] }
  | { readonly role: 'tool'; readonly text: string; readonly callId: string };

export interface ChatTool {
  readonly name: string;
  readonly parameters: JsonObject;
}

export interface ChatRequest {
  readonly model: string;
  readonly messages: readonly ChatMessage[];
  readonly tools: readonly ChatTool[];
  readonly stream: boolean;
  readonly includeUsage: boolean;
}

/** What is wrong with a request, as the real service would say it (HTTP 400). */
export class MalformedRequest extends Error {}

/** Reads a chat-completions request as strictly as the real service does. Throws `MalformedRequest`. */
export function parseChatRequest(body: unknown): ChatRequest {
  if (!isJsonObject(body)) throw new MalformedRequest('The request body must be a JSON object.');
  const { model, messages, tools, stream } = body;
  if (typeof model !== 'string' || model === '') throw new MalformedRequest("you must provide a model parameter");
  if (!Array.isArray(messages) || messages.length === 0) throw new MalformedRequest("'messages' must be a list with at least one message.");
  const parsed = messages.map((message: unknown, at) => parseMessage(message, at));
  checkCalls(parsed);
  const options = body['stream_options'];
  return {
    model,
    messages: parsed,
    tools: parseTools(tools),
    stream: stream === true,
    includeUsage: isJsonObject(options) && options['include_usage'] === true,
  };
}

function parseMessage(message: unknown, at: number): ChatMessage {
  if (!isJsonObject(message)) throw new MalformedRequest(`messages[${at}] must be an object.`);
  const { role } = message;
  switch (role) {
    case 'system':
    case 'developer':
    case 'user':
      return { role, text: contentText(message['content'], at, false) };
    case 'assistant': {
      const calls = parseCalls(message['tool_calls'], at);
      return { role, text: contentText(message['content'], at, calls.length > 0), calls };
    }
    case 'tool':
      if (typeof message['tool_call_id'] !== 'string') throw new MalformedRequest(`messages[${at}].tool_call_id is missing.`);
      return { role, text: contentText(message['content'], at, false), callId: message['tool_call_id'] };
    default:
      throw new MalformedRequest(`messages[${at}].role is unknown: ${JSON.stringify(role)}.`);
  }
}

function contentText(content: unknown, at: number, mayBeMissing: boolean): string {
  if (typeof content === 'string') return content;
  if (mayBeMissing && (content === null || content === undefined)) return '';
  if (!Array.isArray(content)) throw new MalformedRequest(`messages[${at}].content must be a string or a list of parts.`);
  const texts = content.map((part: unknown) => {
    if (isJsonObject(part) && part['type'] === 'text' && typeof part['text'] === 'string') return part['text'];
    throw new MalformedRequest(`messages[${at}].content has a part that is no text.`);
  });
  return texts.join('\n');
}

function parseCalls(calls: unknown, at: number): ChatCall[] {
  if (calls === undefined || calls === null) return [];
  if (!Array.isArray(calls)) throw new MalformedRequest(`messages[${at}].tool_calls must be a list.`);
  return calls.map((call: unknown) => {
    const fn = isJsonObject(call) ? call['function'] : undefined;
    if (isJsonObject(call) && isJsonObject(fn) && typeof call['id'] === 'string' && typeof fn['name'] === 'string' && typeof fn['arguments'] === 'string') {
      return { id: call['id'], name: fn['name'], arguments: fn['arguments'] };
    }
    throw new MalformedRequest(`messages[${at}].tool_calls has an entry without id, name or arguments.`);
  });
}

/** Each call has to be answered right behind it, and each tool message has to answer a call. */
function checkCalls(messages: readonly ChatMessage[]): void {
  let open = new Set<string>();
  for (const [at, message] of messages.entries()) {
    if (message.role === 'tool') {
      if (!open.delete(message.callId)) {
        throw new MalformedRequest(`messages[${at}]: messages with role 'tool' must be a response to a preceding message with 'tool_calls'.`);
      }
      continue;
    }
    refuseOpen(open);
    if (message.role === 'assistant') open = new Set(message.calls.map((call) => call.id));
  }
  refuseOpen(open);
}

function refuseOpen(open: ReadonlySet<string>): void {
  if (open.size === 0) return;
  const ids = [...open].join(', ');
  throw new MalformedRequest(`An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. Missing: ${ids}`);
}

function parseTools(tools: unknown): ChatTool[] {
  if (tools === undefined || tools === null) return [];
  if (!Array.isArray(tools)) throw new MalformedRequest("'tools' must be a list.");
  return tools.map((tool: unknown) => {
    const fn = isJsonObject(tool) ? tool['function'] : undefined;
    if (!isJsonObject(fn) || typeof fn['name'] !== 'string') throw new MalformedRequest("'tools' has an entry without a function name.");
    return { name: fn['name'], parameters: isJsonObject(fn['parameters']) ? fn['parameters'] : {} };
  });
}
