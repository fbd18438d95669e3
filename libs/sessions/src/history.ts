import type { Message, MessageRole } from './session';

export interface HistoryLimits {
  readonly messages: number;
  readonly bytes: number;
}

/** What a model is told of the conversation before the prompt. */
export interface HistoryTurn {
  readonly role: MessageRole;
  readonly content: string;
}

export const HISTORY_LIMITS: HistoryLimits = { messages: 200, bytes: 1024 * 1024 };

/**
 * The messages of a call with history: the newest that fit, oldest first, beginning with a user message, then the
 * prompt; neighbours of one role are joined by a blank line, since many models refuse two of a kind in a row.
 * @param earlier the session's messages before the prompt, oldest first.
 * @param sizeOf the size of a text in bytes.
 */
export function historyWithPrompt(
  earlier: readonly Pick<Message, 'role' | 'content'>[],
  prompt: string,
  sizeOf: (text: string) => number,
  limits: HistoryLimits = HISTORY_LIMITS,
): readonly HistoryTurn[] {
  const fitting = newestThatFit(earlier, sizeOf, limits);
  const start = fitting.findIndex((message) => message.role === 'user');
  const kept = start < 0 ? [] : fitting.slice(start);
  return joined([...kept, { role: 'user', content: prompt }]);
}

function newestThatFit(earlier: readonly HistoryTurn[], sizeOf: (text: string) => number, limits: HistoryLimits): readonly HistoryTurn[] {
  let first = earlier.length;
  let bytes = 0;
  while (first > 0 && earlier.length - first < limits.messages) {
    bytes += sizeOf(earlier[first - 1]?.content ?? '');
    if (bytes > limits.bytes) break;
    first--;
  }
  return earlier.slice(first);
}

function joined(turns: readonly HistoryTurn[]): readonly HistoryTurn[] {
  const result: { role: MessageRole; contents: string[] }[] = [];
  for (const { role, content } of turns) {
    const last = result.at(-1);
    if (last?.role === role) last.contents.push(content);
    else result.push({ role, contents: [content] });
  }
  return result.map(({ role, contents }) => ({ role, content: contents.join('\n\n') }));
}
