import { createHash } from 'node:crypto';
import { wellFormed, wellFormedObject, type JsonObject } from '@agentfleet/contracts';
import type { ModelPrompt, ModelPromptMessage } from '../model/model';
import { contextText, type AssistantMessage, type EngineMessage, type EngineToolCall, type ToolMessage, type UserMessage } from '../messages';

/** Stand-ins where a provider refuses nothing: they say what happened. */
const MISSING_RESULT = 'There is no result: the call was interrupted and may have had effects.';
const EMPTY = '(empty)';
const NO_ANSWER = '(This run ended without an answer.)';
const NO_INPUT = '(The conversation begins with an answer.)';
const GO_ON = '(Go on.)';

/** What versions before this one made for any model, where its own id could not be kept; not every provider takes it. */
const FORMER_ID = /^call_[0-9a-f]{24}$/;
const NAME = /^[A-Za-z0-9_-]{1,64}$/;

/**
 * The one place where a transcript becomes a request. It keeps the rules of all providers at once, whatever the
 * transcript looks like (provider-rules.fixture.ts has one check for each):
 * - the first message is the user's, the last one the user's or a result; user and assistant alternate, and neither a
 *   user's message nor another answer follows results or an answer directly without the other side in between;
 * - a content is a text and no list of parts; none is blank, none has half a surrogate pair;
 * - each call has exactly one result, right behind its answer, in the order of the calls; ids are there and unique, and of
 *   the form that all take unless this model made them; arguments are objects, names have the characters that all take;
 * - what a provider wants back (thoughts of a round, signatures of calls) goes back to the model that gave it.
 */
export function toModelMessages(transcript: readonly EngineMessage[], model: string): ModelPrompt {
  const request = new Request(model, resultsOf(transcript));
  for (const message of transcript) {
    if (message.role === 'user') request.user(message);
    else if (message.role === 'assistant') request.assistant(message);
  }
  return request.finish();
}

function resultsOf(transcript: readonly EngineMessage[]): ReadonlyMap<string, ToolMessage> {
  return new Map(transcript.flatMap((message) => (message.role === 'tool' ? [[message.toolCallId, message] as const] : [])));
}

class Request {
  private readonly messages: ModelPrompt = [];
  private readonly ids = new Set<string>();

  constructor(
    private readonly model: string,
    private readonly results: ReadonlyMap<string, ToolMessage>,
  ) {}

  user(message: UserMessage): void {
    const last = this.messages.at(-1)?.role;
    // A run that gave no answer has one in the request: some refuse a user behind a user or a result.
    if (last === 'user' || last === 'tool') this.messages.push({ role: 'assistant', content: [{ type: 'text', text: NO_ANSWER }] });
    this.messages.push(userMessage(message));
  }

  assistant(message: AssistantMessage): void {
    const text = message.content.trim() === '' ? '' : wellFormed(message.content);
    if (text === '' && message.toolCalls.length === 0) return;
    const last = this.messages.at(-1)?.role;
    if (last === undefined) this.messages.push(userText(NO_INPUT));
    if (last === 'assistant') this.messages.push(userText(GO_ON));
    const calls = message.toolCalls.map((call) => ({ ...call, name: NAME.test(call.name) ? call.name : '_', sentId: this.idOf(call, message) }));
    this.messages.push(this.answer(message, text, calls));
    if (calls.length > 0) this.messages.push({ role: 'tool', content: calls.map((call) => resultPart(call, this.results.get(call.id))) });
  }

  finish(): ModelPrompt {
    const last = this.messages.at(-1)?.role;
    if (last === undefined || last === 'assistant') this.messages.push(userText(GO_ON));
    return this.messages;
  }

  private answer(message: AssistantMessage, text: string, calls: readonly SentCall[]): Extract<ModelPromptMessage, { role: 'assistant' }> {
    const isOwn = message.model === this.model;
    const texts = text === '' ? [] : [{ type: 'text' as const, text }];
    const parts = calls.map((call) => ({
      type: 'tool-call' as const,
      toolCallId: call.sentId,
      toolName: call.name,
      input: wellFormedObject(call.input),
      ...(isOwn ? ownFields(call.own) : {}),
    }));
    // Thoughts belong to rounds: with a last answer some providers refuse them.
    const own = isOwn && calls.length > 0 ? ownFields(message.own) : {};
    return { role: 'assistant', content: [...texts, ...parts], ...own };
  }

  /** An id that this model made, as it made it; one of ours for all others, the same in every request. */
  private idOf(call: EngineToolCall, { model, runId }: AssistantMessage): string {
    const isOwn = model === this.model && call.id.trim() !== '' && !FORMER_ID.test(call.id);
    let id = isOwn ? wellFormed(call.id) : '';
    for (let n = 0; id === '' || this.ids.has(id); n++) id = madeId(`${runId}/${call.id}/${n}`);
    this.ids.add(id);
    return id;
  }
}

type UserPromptMessage = Extract<ModelPromptMessage, { role: 'user' }>;
type ToolPromptPart = Extract<ModelPromptMessage, { role: 'tool' }>['content'][number];
type OwnFields = NonNullable<ModelPromptMessage['providerOptions']>;
type SentCall = EngineToolCall & { readonly sentId: string };

/** Nine letters and digits: the one form that every provider takes. The same for the same call, whatever stands before it. */
function madeId(seed: string): string {
  return createHash('sha256').update(seed).digest('hex').slice(0, 9);
}

function userText(text: string): UserPromptMessage {
  return { role: 'user', content: [{ type: 'text', text }] };
}

/**
 * Context and input are two texts of one message (contract execution-gateway section 5). On the wire they are one, with a
 * blank line between, though the contract says a part of its own: many providers take no list for a user's content, and the
 * SDK writes a text only when there is one part.
 */
function userMessage(message: UserMessage): UserPromptMessage {
  const context = contextText(message.context);
  const input = shownText(message.content);
  return userText(context === null ? input : `${wellFormed(context)}\n\n${input}`);
}

function resultPart(call: SentCall, result: ToolMessage | undefined): ToolPromptPart {
  const isError = result?.isError ?? true;
  const value = shownText(result?.content ?? MISSING_RESULT);
  return { type: 'tool-result', toolCallId: call.sentId, toolName: call.name, output: { type: isError ? 'error-text' : 'text', value } };
}

function shownText(text: string): string {
  return text.trim() === '' ? EMPTY : wellFormed(text);
}

/** The SDK puts these fields beside its own ones, as they are. */
function ownFields(own: JsonObject | undefined): { providerOptions?: OwnFields } {
  if (own === undefined || Object.keys(own).length === 0) return {};
  const fields: OwnFields[string] = JSON.parse(JSON.stringify(wellFormedObject(own)));
  return { providerOptions: { openaiCompatible: fields } };
}
