import { contextText, type EngineMessage } from '../messages';

/** Stands for a result that the request has no room for; the transcript keeps it. */
export const LEFT_OUT = '[left out to save context; call the tool again if you need it]';

/** Results of so many last rounds always stay. */
const ROUNDS_KEPT = 2;
/** Role, separators and ids of one message, and of one call. */
const TOKENS_PER_MESSAGE = 6;

export interface FittedTranscript {
  readonly messages: readonly EngineMessage[];
  readonly droppedRuns: number;
  readonly droppedResults: number;
  /** Of what is left, with the overhead. */
  readonly estimate: number;
}

/**
 * Size of a text in tokens, on the safe side: 4 ASCII characters to a token; 2 of other Latin ones; elsewhere (Chinese,
 * Thai, emoji, …) one for each UTF-16 unit, since vocabularies cut rare scripts into bytes.
 */
export function textTokens(text: string): number {
  let quarters = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    quarters += unit < 0x80 ? 1 : unit < 0x250 ? 2 : 4;
  }
  return Math.ceil(quarters / 4);
}

/** Size of a message in tokens, with everything that a request holds of it. */
export function messageTokens(message: EngineMessage): number {
  const tokens = TOKENS_PER_MESSAGE + textTokens(message.content);
  if (message.role === 'user') return tokens + textTokens(contextText(message.context) ?? '');
  if (message.role === 'tool') return tokens + TOKENS_PER_MESSAGE;
  const calls = message.toolCalls.map((call) => TOKENS_PER_MESSAGE + textTokens(call.name) + textTokens(JSON.stringify([call.input, call.own])));
  return calls.reduce((sum, call) => sum + call, tokens + (message.toolCalls.length > 0 && message.own ? textTokens(JSON.stringify(message.own)) : 0));
}

/**
 * Makes a request fit: leaves out the oldest whole runs; if the present run alone is too large, its oldest tool results,
 * those of the last two rounds excepted. What is left may still be too large.
 */
export function fitTranscript(
  transcript: readonly EngineMessage[],
  options: { readonly runId: string; readonly maxTokens: number; readonly overheadTokens: number },
): FittedTranscript {
  const sized = transcript.map((message) => ({ message, tokens: messageTokens(message) }));
  let estimate = sized.reduce((sum, { tokens }) => sum + tokens, options.overheadTokens);
  const dropped = new Set<string>();
  for (const runId of new Set(transcript.map((message) => message.runId))) {
    if (estimate <= options.maxTokens || runId === options.runId) break;
    dropped.add(runId);
    estimate -= sized.reduce((sum, { message, tokens }) => sum + (message.runId === runId ? tokens : 0), 0);
  }
  const kept = sized.filter(({ message }) => !dropped.has(message.runId));
  const replaceable = replaceableResults(kept.map(({ message }) => message), options.runId);
  const messages: EngineMessage[] = [];
  let droppedResults = 0;
  for (const { message, tokens } of kept) {
    const smaller: EngineMessage | null = message.role === 'tool' && replaceable.has(message.toolCallId) ? { ...message, content: LEFT_OUT } : null;
    const saved = smaller === null ? 0 : tokens - messageTokens(smaller);
    const isReplaced = smaller !== null && saved > 0 && estimate > options.maxTokens;
    messages.push(isReplaced ? smaller : message);
    if (!isReplaced) continue;
    droppedResults += 1;
    estimate -= saved;
  }
  return { messages, droppedRuns: dropped.size, droppedResults, estimate };
}

/** Calls of the run whose results may be left out: all but those of its last rounds. */
function replaceableResults(messages: readonly EngineMessage[], runId: string): ReadonlySet<string> {
  const rounds = messages.flatMap((message) => (message.runId === runId && message.role === 'assistant' && message.toolCalls.length > 0 ? [message.toolCalls] : []));
  return new Set(rounds.slice(0, -ROUNDS_KEPT).flatMap((calls) => calls.map((call) => call.id)));
}
