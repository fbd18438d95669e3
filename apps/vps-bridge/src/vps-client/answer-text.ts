import { isUtf8 } from 'node:buffer';
import { answerErrorOf, finishWordOf, isJsonObject, wellFormed, type VpsApi } from '@agentfleet/contracts';

/** What an agent's successful answer says, or why it says nothing usable. */
export type AnswerText = { readonly kind: 'text'; readonly text: string } | { readonly kind: 'not_json' } | { readonly kind: 'no_text' };

const NOT_JSON: AnswerText = { kind: 'not_json' };
const NO_TEXT: AnswerText = { kind: 'no_text' };
const BYTE_ORDER_MARK = /^\uFEFF/;

/**
 * Reads the text out of an answer's body (contract vps-bridge section 9). An error that came with status 200 is no answer: an
 * `error` beside a text that says something is a remark, beside an empty one, or as the owner of `message`, it is all there is.
 */
export function readAnswer(api: VpsApi, body: Buffer): AnswerText {
  if (body.length === 0 || !isUtf8(body)) return NOT_JSON;
  let parsed: unknown;
  try {
    parsed = JSON.parse(withoutMark(body.toString('utf8')));
  } catch {
    return NOT_JSON;
  }
  if (!isJsonObject(parsed)) return NOT_JSON;
  const content = api === 'openai' ? openAiContent(parsed) : messagesContent(parsed);
  const text = textOf(content);
  if (text === null) return NO_TEXT;
  const isSaid = text.trim() !== '' && (api === 'openai' || Object.hasOwn(parsed, 'content'));
  const remark = isSaid ? { error: null } : {};
  return hasError({ ...parsed, ...remark }) ? NO_TEXT : { kind: 'text', text: wellFormed(text) };
}

/** Tools on Windows put a byte order mark before what they write. */
export function withoutMark(text: string): string {
  return text.replace(BYTE_ORDER_MARK, '');
}

/** Whether what an agent sent speaks of an error, whatever it says beside it. */
export function hasError(answer: unknown): boolean {
  return answerErrorOf(answer) !== null || endsInError(answer);
}

/** Whether it names an error as the reason of its end, in the words of either dialect. */
function endsInError(answer: unknown): boolean {
  const choices = fieldOf(answer, 'choices');
  const ends: readonly unknown[] = [answer, fieldOf(answer, 'delta'), ...(Array.isArray(choices) ? (choices as unknown[]) : [])]; // isArray knows no element type
  return ends.some((end) => [fieldOf(end, 'finish_reason'), fieldOf(end, 'stop_reason')].some((word) => finishWordOf(word) === 'error'));
}

function messagesContent(answer: object): unknown {
  if (Object.hasOwn(answer, 'content')) return fieldOf(answer, 'content');
  return fieldOf(answer, 'message');
}

function openAiContent(answer: object): unknown {
  const choices = fieldOf(answer, 'choices');
  return Array.isArray(choices) ? fieldOf(fieldOf(choices[0], 'message'), 'content') : undefined;
}

/** An own field of an object, whatever it is called. */
export function fieldOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  return Object.getOwnPropertyDescriptor(value, name)?.value;
}

/** A string as it is, or the text blocks of an array joined without separator; null when there is no text at all. */
export function textOf(content: unknown): string | null {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return null;
  const texts = content
    .filter((block) => fieldOf(block, 'type') === 'text')
    .map((block) => fieldOf(block, 'text'))
    .filter((text): text is string => typeof text === 'string');
  return texts.length === 0 ? null : texts.join('');
}
