import type { FieldProblem } from '@agentfleet/errors';
import { FieldReader, type Parsed } from '../platform/field-reader';
import { isJsonObject, isWellFormed, type JsonObject, type JsonValue } from '../platform/json';
import { utf8Length } from '../platform/text';
import { BRIDGE_DIALECT } from './dialect';
import { LABEL_RULE, isVpsSessionId, shortened } from './names';
import { readVpsTime } from './time';
import type { VpsMessageRole } from './wire';

/** A session out of an export, as the bridge works with it. */
export interface VpsImportedSession {
  readonly sessionId: string;
  readonly userId: string;
  readonly createdAtMs: number;
  readonly lastActivityMs: number;
  readonly metadata: JsonObject;
  readonly messages: readonly VpsImportedMessage[];
}

export interface VpsImportedMessage {
  readonly role: VpsMessageRole;
  readonly content: string;
  readonly timestampMs: number;
  readonly agent: string;
  readonly incomplete: boolean;
}

const ROLES: readonly VpsMessageRole[] = ['user', 'assistant', 'system'];
/** Metadata of several calls may have been merged. */
const MAX_METADATA_BYTES = 1024 * 1024;
/** One message is one document of the store. */
const MAX_CONTENT_BYTES = 15 * 1024 * 1024;
const MAX_PROBLEMS = 20;
const TIME_RULE = { says: 'must be a time such as 2026-02-18T21:30:00.000Z', accepts: (value: string) => readVpsTime(value) !== null };
const CONTENT_RULE = { says: `must be a string of at most ${MAX_CONTENT_BYTES} bytes`, accepts: (value: string) => utf8Length(value) <= MAX_CONTENT_BYTES };
const AGENT_RULE = { says: 'must be a string of at most 256 characters', accepts: (value: string) => value.length <= 512 };

/** Parses a whole file of sessions; any fault refuses all of it. */
export function parseVpsImport(body: unknown): Parsed<readonly VpsImportedSession[]> {
  const sessions = isJsonObject(body) ? body['sessions'] : undefined;
  if (!isJsonObject(sessions)) return { ok: false, problems: [{ field: 'sessions', message: 'must be an object' }] };
  const problems: FieldProblem[] = [];
  const imported: VpsImportedSession[] = [];
  for (const [key, value] of Object.entries(sessions)) {
    const session = parseSession(key, value, problems);
    if (session !== null) imported.push(session);
    if (problems.length >= MAX_PROBLEMS) break;
  }
  return problems.length > 0 ? { ok: false, problems: problems.slice(0, MAX_PROBLEMS) } : { ok: true, value: imported };
}

function parseSession(key: string, value: JsonValue | undefined, problems: FieldProblem[]): VpsImportedSession | null {
  const field = (inside: string) => `sessions.${shortened(key)}${inside}`;
  const refuse = (message: string, inside = '') => {
    problems.push({ field: field(inside), message });
    return null;
  };
  if (!isWellFormed(key) || !isVpsSessionId(key)) return refuse('is not a possible session_id');
  if (!isJsonObject(value)) return refuse('must be an object');
  const reader = new FieldReader(value, BRIDGE_DIALECT, field('.'));
  if (reader.raw('session_id') !== key) return refuse('must be the same as its key', '.session_id');
  const userId = reader.required('user_id', reader.text('user_id', LABEL_RULE));
  const createdAt = reader.required('created_at', reader.text('created_at', TIME_RULE));
  const lastActivity = reader.text('last_activity', TIME_RULE) ?? createdAt;
  const metadata = reader.object('metadata', { maxBytes: MAX_METADATA_BYTES }) ?? {};
  const messages = reader.raw('messages');
  if (!Array.isArray(messages)) reader.refuse('messages', 'must be a list');
  problems.push(...reader.problems);
  if (!Array.isArray(messages) || userId === undefined || createdAt === undefined || reader.problems.length > 0) return null;
  const parsed = parseMessages(messages, (index) => field(`.messages[${index}]`), problems);
  if (parsed === null) return null;
  return { sessionId: key, userId, createdAtMs: readVpsTime(createdAt) ?? 0, lastActivityMs: readVpsTime(lastActivity ?? createdAt) ?? 0, metadata, messages: parsed };
}

function parseMessages(values: readonly JsonValue[], field: (index: number) => string, problems: FieldProblem[]): readonly VpsImportedMessage[] | null {
  const messages: VpsImportedMessage[] = [];
  for (const [index, value] of values.entries()) {
    if (!isJsonObject(value)) {
      problems.push({ field: field(index), message: 'must be an object' });
      return null;
    }
    const reader = new FieldReader(value, BRIDGE_DIALECT, `${field(index)}.`);
    const role = reader.required('role', reader.oneOf('role', ROLES));
    const content = reader.required('content', reader.text('content', CONTENT_RULE));
    const timestamp = reader.required('timestamp', reader.text('timestamp', TIME_RULE));
    const agent = reader.text('agent', AGENT_RULE) ?? '';
    const incomplete = reader.flag('incomplete') ?? false;
    if (role === undefined || content === undefined || timestamp === undefined || reader.problems.length > 0) {
      problems.push(...reader.problems);
      return null;
    }
    messages.push({ role, content, timestampMs: readVpsTime(timestamp) ?? 0, agent, incomplete });
  }
  return messages;
}
