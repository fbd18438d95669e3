import { FieldReader } from '../platform/field-reader';
import { isJsonObject, isWellFormed, type JsonObject, type JsonValue } from '../platform/json';
import { cutText, isWithinDepth, utf8Length } from '../platform/text';
import { GATEWAY_DIALECT } from './dialect';
import { IDEMPOTENCY_KEY_PATTERN } from './rest';
import { readRunLimits } from './run-limits';
import type { RunLimits } from './usage';

/** What starts a run, on either dialect and over REST. */
export interface RunRequest {
  readonly userInput: string;
  readonly context: JsonObject;
  readonly maxIterations: number | undefined;
  readonly limits: RunLimits;
  readonly metadata: JsonObject;
  readonly idempotencyKey: string | undefined;
}

/** A frame of a client on `/sessions/{id}/execute` (plain dialect). */
export type ExecuteMessage =
  | { readonly action: 'execute'; readonly request: RunRequest }
  | { readonly action: 'resume'; readonly afterSeq: number; readonly ack: boolean }
  | { readonly action: 'cancel'; readonly reason: string | undefined }
  | { readonly action: 'ping' };

export type ParsedFrame<T> = { readonly ok: true; readonly message: T } | { readonly ok: false; readonly problem: FrameProblemText };

export interface FrameProblemText {
  readonly message: string;
  readonly field: string | undefined;
}

const CONTEXT_MAX_BYTES = 64 * 1024;
const METADATA_MAX_BYTES = 16 * 1024;
const MAX_DEPTH = 16;
const REASON_MAX = 500;

/** The fields of a run; `keyField` is where the idempotency key of this dialect is, null when it comes in a header. */
export function readRunRequest(body: JsonObject, options: { maxInputBytes: number; keyField: string | null }): ParsedFrame<RunRequest> {
  const fields = new FieldReader(body, GATEWAY_DIALECT);
  const userInput = readUserInput(fields, options.maxInputBytes);
  const request = {
    userInput: userInput ?? '',
    context: fields.object('context', { maxBytes: CONTEXT_MAX_BYTES, maxDepth: MAX_DEPTH }) ?? {},
    maxIterations: fields.integer('max_iterations', 1, 1000),
    limits: readRunLimits(fields) ?? {},
    metadata: fields.object('metadata', { maxBytes: METADATA_MAX_BYTES, maxDepth: MAX_DEPTH }) ?? {},
    idempotencyKey:
      options.keyField === null
        ? undefined
        : fields.text(options.keyField, { says: 'must be 1 to 255 visible ASCII characters', accepts: (v) => IDEMPOTENCY_KEY_PATTERN.test(v) }),
  };
  return done(fields, request);
}

function readUserInput(fields: FieldReader, maxBytes: number): string | undefined {
  const input = fields.raw('user_input');
  if (input === undefined) return problem(fields, 'Empty user_input');
  if (typeof input !== 'string') return fields.refuse('user_input', 'must be a string');
  if (input.trim() === '') return problem(fields, 'Empty user_input');
  if (!isWellFormed(input)) return fields.refuse('user_input', GATEWAY_DIALECT.halfPair);
  if (utf8Length(input) > maxBytes) return fields.refuse('user_input', `must be at most ${maxBytes} bytes`);
  return input;
}

function problem(fields: FieldReader, message: string): undefined {
  fields.problems.push({ field: 'user_input', message });
  return undefined;
}

/** `after_seq` and `ack` of a resume. */
export function readResume(body: JsonObject): ParsedFrame<{ afterSeq: number; ack: boolean }> {
  const fields = new FieldReader(body, GATEWAY_DIALECT);
  if (fields.raw('after_seq') === undefined) fields.refuse('after_seq', 'must be a whole number of at least 0');
  const afterSeq = fields.integer('after_seq', 0, Number.MAX_SAFE_INTEGER);
  return done(fields, { afterSeq: afterSeq ?? 0, ack: fields.flag('ack') ?? false });
}

/** `reason` of a cancel: at most 500 characters. */
export function readCancel(body: JsonObject): ParsedFrame<{ reason: string | undefined }> {
  const fields = new FieldReader(body, GATEWAY_DIALECT);
  const reason = fields.text('reason', { says: `must be a string of at most ${REASON_MAX} characters`, accepts: (v) => v.length <= REASON_MAX });
  return done(fields, { reason: reason === '' ? undefined : reason });
}

/** Parses one frame of the plain dialect. `frame` is what `JSON.parse` gave. */
export function parseExecuteMessage(frame: unknown, options: { maxInputBytes: number }): ParsedFrame<ExecuteMessage> {
  if (!isJsonObject(frame)) return refused('Invalid JSON');
  const action = Object.hasOwn(frame, 'action') ? frame['action'] : undefined;
  switch (action) {
    case 'execute':
      return mapped(readRunRequest(frame, { ...options, keyField: 'idempotency_key' }), (request) => ({ action: 'execute', request }));
    case 'resume':
      return mapped(readResume(frame), (resume) => ({ action: 'resume', ...resume }));
    case 'cancel':
      return mapped(readCancel(frame), (cancel) => ({ action: 'cancel', ...cancel }));
    case 'ping':
      return { ok: true, message: { action: 'ping' } };
    default:
      return refused(unknownActionText(action), 'action');
  }
}

/** The actions of the plain dialect, as an answer to an unknown one names them. */
export const KNOWN_ACTIONS = ['execute', 'resume', 'cancel', 'ping'] as const;

const MAX_SHOWN_CHARACTERS = 64;

/** The fixed text for an unknown action; it shows at most 64 characters of it. */
export function unknownActionText(action: JsonValue | undefined): string {
  const shown = cutText(actionText(action), 2 * MAX_SHOWN_CHARACTERS);
  return `Unknown action: ${[...shown].slice(0, MAX_SHOWN_CHARACTERS).join('')}`;
}

function actionText(action: JsonValue | undefined): string {
  if (typeof action === 'string') return action;
  if (action === undefined) return '';
  return isWithinDepth(action, MAX_DEPTH) ? JSON.stringify(action) : '(nested deeply)'; // writing it could exhaust the stack
}

function refused(message: string, field?: string): { ok: false; problem: FrameProblemText } {
  return { ok: false, problem: { message, field } };
}

function done<T>(fields: FieldReader, message: T): ParsedFrame<T> {
  const first = fields.problems[0];
  return first ? refused(first.message, first.field) : { ok: true, message };
}

function mapped<A, B>(parsed: ParsedFrame<A>, map: (message: A) => B): ParsedFrame<B> {
  return parsed.ok ? { ok: true, message: map(parsed.message) } : parsed;
}
