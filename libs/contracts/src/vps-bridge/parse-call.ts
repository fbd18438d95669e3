import { FieldReader, type Parsed } from '../platform/field-reader';
import { isJsonObject, type JsonObject } from '../platform/json';
import { hasCodePoints } from '../platform/text';
import { BRIDGE_DIALECT } from './dialect';
import { LABEL_RULE, SESSION_ID_RULE } from './names';
import { VPS_MIDSTREAM_MODES, type VpsMidstreamMode } from './wire';

/** A call as the bridge works with it. */
export interface VpsCallRequest {
  readonly agentName: string;
  readonly prompt: string;
  readonly sessionId: string | null;
  readonly userId: string | null;
  readonly metadata: JsonObject | null;
  readonly includeHistory: boolean;
  /** Null: the default of the bridge and the agent. */
  readonly deadlineSeconds: number | null;
}

export const MAX_PROMPT_CHARACTERS = 2_000_000;
export const MAX_METADATA_BYTES = 64 * 1024;

const AGENT = { says: 'must be a string of 1 to 256 characters', accepts: (value: string) => hasCodePoints(value, 1, 256) };
const PROMPT = {
  says: `must be a string of 1 to ${MAX_PROMPT_CHARACTERS} characters`,
  accepts: (value: string) => hasCodePoints(value, 1, MAX_PROMPT_CHARACTERS),
};

/** A streamed call as the bridge works with it. */
export interface VpsStreamRequest extends VpsCallRequest {
  readonly midstreamMode: VpsMidstreamMode;
}

/** Parses the body of `POST /api/vps/call/stream`. */
export function parseVpsStream(body: unknown): Parsed<VpsStreamRequest> {
  const call = parseVpsCall(body);
  if (!isJsonObject(body)) return { ok: false, problems: call.ok ? [] : call.problems };
  const reader = new FieldReader(body, BRIDGE_DIALECT);
  const midstreamMode = reader.oneOf('on_midstream_failure', VPS_MIDSTREAM_MODES) ?? 'restart';
  if (!call.ok) return { ok: false, problems: [...call.problems, ...reader.problems] };
  return reader.finish({ ...call.value, midstreamMode });
}

/** Parses the body of `POST /api/vps/call`; written by hand, since every call passes here. */
export function parseVpsCall(body: unknown): Parsed<VpsCallRequest> {
  if (!isJsonObject(body)) return { ok: false, problems: [{ field: 'body', message: 'must be a JSON object' }] };
  const reader = new FieldReader(body, BRIDGE_DIALECT);
  const agentName = reader.required('agent_name', reader.text('agent_name', AGENT));
  const prompt = reader.required('prompt', reader.text('prompt', PROMPT));
  const sessionId = reader.text('session_id', SESSION_ID_RULE) ?? null;
  const userId = reader.text('user_id', LABEL_RULE) ?? null;
  const metadata = reader.object('metadata', { maxBytes: MAX_METADATA_BYTES }) ?? null;
  const includeHistory = reader.flag('include_history') ?? false;
  const deadlineSeconds = reader.number('deadline_seconds', 1, 3600) ?? null;
  if (agentName === undefined || prompt === undefined) return { ok: false, problems: reader.problems };
  return reader.finish({ agentName, prompt, sessionId, userId, metadata, includeHistory, deadlineSeconds });
}
