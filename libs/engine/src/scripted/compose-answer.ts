import { createHash } from 'node:crypto';
import { isJsonObject, type JsonObject, type JsonValue } from '@agentfleet/contracts';
import type { ChatCall, ChatMessage, ChatRequest, ChatTool } from './chat-request';
import { NO_DIRECTIVES, parseDirectives, type Directives } from './directives';

/** What the scripted model says to a request; it follows from the request alone. */
export interface ScriptedAnswer {
  readonly directives: Directives;
  /** HTTP status of a scripted failure, or null. */
  readonly failure: number | null;
  readonly text: string;
  readonly calls: readonly ChatCall[];
  readonly usage: { readonly prompt_tokens: number; readonly completion_tokens: number; readonly total_tokens: number };
}

const ASKS_FOR_FILES = /\b(list|show)\b.{0,40}\bfiles?\b/i;

export function composeAnswer(request: ChatRequest): ScriptedAnswer {
  const turn = lastTurn(request.messages);
  const directives = parseDirectives(turn.input) ?? NO_DIRECTIVES;
  const isFailing = directives.fail !== null && turn.rounds >= directives.failAt;
  const { text, calls } = words(request, turn);
  return { directives, failure: isFailing ? directives.fail : null, text, calls, usage: usageOf(request, text, calls) };
}

interface Turn {
  readonly input: string;
  /** Assistant messages with calls after the last user message. */
  readonly rounds: number;
  /** Texts of the results behind the last of them. */
  readonly results: readonly string[];
}

function lastTurn(messages: readonly ChatMessage[]): Turn {
  const at = messages.map((message) => message.role).lastIndexOf('user');
  const after = messages.slice(at + 1);
  const rounds = after.filter((message) => message.role === 'assistant' && message.calls.length > 0).length;
  const lastRound = after.map((message) => message.role === 'assistant' && message.calls.length > 0).lastIndexOf(true);
  const results = after.slice(lastRound + 1).flatMap((message) => (message.role === 'tool' ? [message.text] : []));
  return { input: messages[at]?.text ?? '', rounds, results };
}

function words(request: ChatRequest, turn: Turn): { text: string; calls: ChatCall[] } {
  const found = parseDirectives(turn.input);
  const directives = found ?? NO_DIRECTIVES;
  const hasTools = request.tools.length > 0;
  if (hasTools && turn.rounds < directives.steps) {
    return { text: `Step ${turn.rounds + 1} of ${directives.steps}.`, calls: callsOf(request, directives) };
  }
  if (found?.say != null) return { text: `${found.say} done after ${turn.rounds} steps.`, calls: [] };
  if (found) return { text: `Done after ${turn.rounds} steps.`, calls: [] };
  if (hasTools && ASKS_FOR_FILES.test(turn.input)) {
    if (turn.rounds === 0) return { text: "I'll list the files", calls: callsOf(request, directives) };
    return { text: `Here are the files:\n${turn.results.join('\n')}`, calls: [] };
  }
  return { text: `You said: ${turn.input}`, calls: [] };
}

function callsOf(request: ChatRequest, directives: Directives): ChatCall[] {
  const tool = chosenTool(request.tools, directives.tool);
  const text = directives.args ?? JSON.stringify(requiredArguments(tool.parameters));
  const base = createHash('sha256').update(JSON.stringify(request.messages)).digest('hex').slice(0, 20);
  return Array.from({ length: directives.parallel }, (_, at) => ({ id: `call_${base}${at}`, name: tool.name, arguments: text }));
}

const FILE_LISTERS = [/^(ls|list_?(dir|directory|files?))$/i, /list.*(dir|file)|(dir|file).*list/i, /list|\bls\b|dir/i];

/** A tool named by a directive is called even when it is not offered: so can unknown tools be scripted. */
function chosenTool(tools: readonly ChatTool[], wanted: string | null): ChatTool {
  if (wanted !== null) return tools.find((tool) => tool.name === wanted) ?? { name: wanted, parameters: {} };
  for (const pattern of FILE_LISTERS) {
    const lister = tools.find((tool) => pattern.test(tool.name));
    if (lister) return lister;
  }
  return tools[0] ?? { name: 'none', parameters: {} };
}

function requiredArguments(schema: JsonObject): JsonObject {
  const { properties, required } = schema;
  if (!Array.isArray(required)) return {};
  const names = required.filter((name): name is string => typeof name === 'string');
  return Object.fromEntries(names.map((name) => [name, exampleOf(name, isJsonObject(properties) ? properties[name] : undefined)]));
}

function exampleOf(name: string, schema: JsonValue | undefined): JsonValue {
  if (!isJsonObject(schema)) return 'scripted';
  const { type, minimum } = schema;
  if (Array.isArray(schema['enum']) && schema['enum'].length > 0) return schema['enum'][0] ?? null;
  switch (type) {
    case 'number':
    case 'integer':
      return typeof minimum === 'number' ? minimum : 1;
    case 'boolean':
      return false;
    case 'array':
      return [];
    case 'object':
      return requiredArguments(schema);
    default:
      if (/path|dir|folder|file/i.test(name)) return '.';
      return /command|cmd/i.test(name) ? 'echo scripted' : 'scripted';
  }
}

function usageOf(request: ChatRequest, text: string, calls: readonly ChatCall[]): ScriptedAnswer['usage'] {
  const asked = request.messages.reduce((sum, message) => sum + message.text.length + (message.role === 'assistant' ? callCharacters(message.calls) : 0), 0);
  const prompt = Math.ceil(asked / 4);
  const completion = Math.ceil((text.length + callCharacters(calls)) / 4);
  return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion };
}

function callCharacters(calls: readonly ChatCall[]): number {
  return calls.reduce((sum, call) => sum + call.name.length + call.arguments.length, 0);
}

/** Cuts a text into at most `count` pieces of nearly equal length, never inside a character. */
export function piecesOf(text: string, count: number): string[] {
  const characters = [...text];
  const size = Math.max(1, Math.ceil(characters.length / count));
  const pieces: string[] = [];
  for (let at = 0; at < characters.length; at += size) pieces.push(characters.slice(at, at + size).join(''));
  return pieces;
}
