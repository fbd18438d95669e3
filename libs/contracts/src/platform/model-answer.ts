import { isJsonObject, type JsonObject, type JsonValue } from './json';
import { cutText } from './text';

/** What an answer of a model or an agent says of an error, in one shape. */
export interface AnswerError {
  /** At most 4000 characters; the whole object as JSON when it has no words. */
  readonly message: string;
  readonly code: string | number | null;
  readonly type: string | null;
}

/** Why an answer ended; `other` for a word that nobody knows. */
export type FinishWord = 'stop' | 'length' | 'tool_calls' | 'content_filter' | 'error' | 'other';

const MAX_ERROR_TEXT = 4000;

const FINISH_WORDS: Readonly<Record<string, FinishWord>> = {
  ...words('stop', 'stop end_turn stop_sequence eos eos_token end complete completed finish done'),
  ...words('length', 'length max_tokens max_output_tokens model_length max_length context_length'),
  ...words('tool_calls', 'tool_calls tool_call tool_use function_call function_calls'),
  ...words('content_filter', 'content_filter contentfilter content_filtered safety sensitive refusal blocked recitation prohibited_content'),
  ...words('error', 'error abort aborted cancelled canceled failed failure network_error server_error internal_error timeout malformed_function_call insufficient_system_resource'),
};

function words(meaning: FinishWord, spelled: string): Record<string, FinishWord> {
  return Object.fromEntries(spelled.split(' ').map((word) => [word, meaning]));
}

/** The reason that an answer ended for; null as long as it goes on. An unknown word ends it too. */
export function finishWordOf(value: unknown): FinishWord | null {
  if (typeof value !== 'string' || value.trim() === '') return null;
  const word = value.trim().toLowerCase().replace(/[\s-]+/g, '_');
  if (word === 'null' || word === 'none') return null;
  return Object.hasOwn(FINISH_WORDS, word) ? (FINISH_WORDS[word] ?? 'other') : 'other';
}

/**
 * The error that an answer, or one chunk of a streamed one, tells of; null when it tells of none. Knows the shapes of real
 * services: an `error` beside choices, in one of them or alone; objects and types called `error`; a status within the body;
 * a bare message with a code; and the many ways of saying that there is none (`"error":null`, `{}`, `""`, `"code":0`).
 * @param isError it is known already that it is one: it came as an event `error`, or with a status that says so.
 */
export function answerErrorOf(answer: unknown, isError = false): AnswerError | null {
  if (!Array.isArray(answer)) return errorOfOne(answer, isError);
  const inList = firstError(answer, (part) => errorOfOne(part, isError));
  return inList ?? (isError ? errorFrom({ message: wordsOf(answer) }) : null);
}

function errorOfOne(answer: unknown, isError: boolean): AnswerError | null {
  if (!isJsonObject(answer)) return isError ? errorFrom({ message: typeof answer === 'string' ? answer : wordsOf(answer) }) : null;
  const choices: unknown = answer['choices'];
  const inChoices = Array.isArray(choices) ? firstError(choices, (choice) => (isJsonObject(choice) ? errorIn(choice['error']) : null)) : null;
  const told = errorIn(answer['error']) ?? inChoices ?? errorInStatus(answer['base_resp']);
  if (told) return told;
  return isError || answer['object'] === 'error' || answer['type'] === 'error' || isBareError(answer) ? errorFrom(answer) : null;
}

function firstError<T>(list: readonly T[], errorOf: (part: T) => AnswerError | null): AnswerError | null {
  for (const part of list) {
    const error = errorOf(part);
    if (error) return error;
  }
  return null;
}

function errorIn(error: JsonValue | undefined): AnswerError | null {
  if (typeof error === 'string') return error.trim() === '' ? null : errorFrom({ message: error });
  if (typeof error === 'number') return error === 0 ? null : errorFrom({ code: error });
  if (error === true) return errorFrom({});
  if (Array.isArray(error)) return firstError(error, (part) => (Array.isArray(part) ? errorFrom({}) : errorIn(part)));
  if (!isJsonObject(error)) return null;
  const isNothing = Object.values(error).every((value) => value === null || value === '' || value === 0 || value === undefined);
  return isNothing ? null : errorFrom(error);
}

function errorInStatus(status: unknown): AnswerError | null {
  if (!isJsonObject(status) || !isErrorCode(status['status_code'])) return null;
  return errorFrom({ message: status['status_msg'], code: status['status_code'] });
}

/** An error without a name of its own. Whoever says something, even nothing yet of a list of choices, answers. */
function isBareError(answer: JsonObject): boolean {
  if (Array.isArray(answer['choices']) || isSaid(answer['content'])) return false;
  const { message, msg, detail, errors, success, ok, status, code, statusCode, status_code: statusCode2 } = answer;
  if (isSaid(errors) || isSaid(answer['error_msg']) || isSaid(answer['error_message'])) return true;
  if (isSaid(detail) && message === undefined) return true; // beside a message, which some agents answer with, it is a remark
  if ((message ?? msg ?? detail) === undefined) return false;
  return success === false || ok === false || finishWordOf(status) === 'error' || [code, statusCode, statusCode2, answer['error_code'], numberOf(status)].some(isErrorCode);
}

function isSaid(value: JsonValue | undefined): boolean {
  if (typeof value === 'string') return value.trim() !== '';
  return typeof value === 'object' && value !== null && Object.keys(value).length > 0;
}

function numberOf(status: JsonValue | undefined): number | null {
  const number = typeof status === 'string' && status.trim() !== '' ? Number(status) : status;
  return typeof number === 'number' && Number.isFinite(number) ? number : null;
}

const GOOD_WORDS = new Set(['', 'ok', 'success', 'succeeded', 'none', 'null']);

/** Services say 0, 1, a status of progress or success, or a word for it when nothing is wrong. */
function isErrorCode(code: JsonValue | undefined): boolean {
  if (typeof code !== 'string' && typeof code !== 'number') return false;
  const number = numberOf(code);
  if (number === null) return typeof code === 'string' && !GOOD_WORDS.has(code.trim().toLowerCase());
  return !(number === 0 || number === 1 || (number >= 100 && number < 300));
}

function errorFrom(error: JsonObject): AnswerError {
  const { message, detail, msg, type } = error;
  const code = [error['code'], error['status'], error['status_code'], error['statusCode'], error['error_code']].find(isCode);
  const text = [message, detail, msg, error['error_msg'], error['error_message']].find((value) => typeof value === 'string' && value.trim() !== '');
  return {
    message: cutText(typeof text === 'string' ? text : wordsOf(error), MAX_ERROR_TEXT),
    code: isCode(code) ? code : null,
    type: typeof type === 'string' ? type : null,
  };
}

/** The JSON of something without words; what is nested too deeply to be written has none. */
function wordsOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? '';
  } catch {
    return 'The error has no words.';
  }
}

function isCode(value: JsonValue | undefined): value is string | number {
  return typeof value === 'number' || (typeof value === 'string' && value !== '');
}
