import { isDeepStrictEqual } from 'node:util';
import { isJsonObject, type JsonObject, type JsonValue } from '@agentfleet/contracts';

/** What AIWM configures, whether it came with the connect or later. */
export interface ConfigurationDocument {
  readonly instruction: string;
  readonly tools: readonly JsonObject[];
  readonly settings: JsonObject;
  readonly mcpServers: JsonObject;
  /** Null when the server does not say (older ones). */
  readonly revision: number | null;
}

export interface Connection {
  readonly token: string;
  readonly expiresInMs: number;
  readonly heartbeatIntervalMs: number;
  readonly configuration: ConfigurationDocument;
}

export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: string };

const DEFAULT_HEARTBEAT_INTERVAL_MS = 60_000;
/** A token goes into a header: visible ASCII only. */
const TOKEN = /^[\x21-\x7e]{1,16384}$/;
const MAX_EXPIRES_IN_S = 10 * 365 * 86_400;
const MAX_INTERVAL_S = 86_400;

/** The answer of connect; `token` or `accessToken` (two generations of servers name it). */
export function parseConnection(body: unknown, headers: Headers): Parsed<Connection> {
  if (!isJsonObject(body)) return problem('the answer is no JSON object');
  const token = body['token'] ?? body['accessToken'];
  if (typeof token !== 'string' || !TOKEN.test(token)) return problem('token is missing');
  const { tokenType = 'bearer', expiresIn } = body;
  if (typeof tokenType !== 'string' || tokenType.toLowerCase() !== 'bearer') return problem('tokenType is not bearer');
  const isTime = typeof expiresIn === 'number' && expiresIn > 0 && expiresIn <= MAX_EXPIRES_IN_S;
  if (!isTime) return problem('expiresIn is no number of seconds');
  const configuration = parseConfiguration(body, wholeNumber(headers.get('x-config-revision')));
  if (!configuration.ok) return configuration;
  const intervalS = wholeNumber(headers.get('x-heartbeat-interval'));
  const isInterval = intervalS !== null && intervalS >= 1 && intervalS <= MAX_INTERVAL_S;
  const heartbeatIntervalMs = isInterval ? intervalS * 1000 : DEFAULT_HEARTBEAT_INTERVAL_MS;
  return { ok: true, value: { token, expiresInMs: expiresIn * 1000, heartbeatIntervalMs, configuration: configuration.value } };
}

/** The parts that connect and `GET …/config` have in common; `revision` of a header, else of the body. */
export function parseConfiguration(body: unknown, revision: number | null = null): Parsed<ConfigurationDocument> {
  if (!isJsonObject(body)) return problem('the answer is no JSON object');
  const { instruction, tools, settings, mcpServers = {}, agent, configRevision } = body;
  if (typeof instruction !== 'string') return problem('instruction is no text');
  if (!Array.isArray(tools) || !tools.every(isTool)) return problem('tools is no list of tools');
  if (!isJsonObject(settings)) return problem('settings is no object');
  if (!isJsonObject(mcpServers) || !Object.values(mcpServers).every(isJsonObject)) return problem('mcpServers is no object of servers');
  if (!isAgent(agent)) return problem('agent is missing or malformed');
  const stated = typeof configRevision === 'number' && Number.isSafeInteger(configRevision) ? configRevision : null;
  return { ok: true, value: { instruction, tools: tools.filter(isTool), settings, mcpServers, revision: revision ?? stated } };
}

/** What differs: `instruction`, `tools`, `mcpServers` and `settings.<key>`, sorted. */
export function changedKeys(before: ConfigurationDocument, after: ConfigurationDocument): readonly string[] {
  const parts = (['instruction', 'tools', 'mcpServers'] as const).filter((key) => !isDeepStrictEqual(before[key], after[key]));
  const names = new Set([...Object.keys(before.settings), ...Object.keys(after.settings)]);
  const settings = [...names].filter((name) => !isDeepStrictEqual(before.settings[name], after.settings[name]));
  return [...parts, ...settings.map((name) => `settings.${name}`)].sort();
}

const TOOL_TEXTS = ['_id', 'type', 'description', 'category', 'status'];
/** Only the name is needed; what else is there has its type. */
function isTool(value: unknown): value is JsonObject {
  if (!isJsonObject(value) || typeof value['name'] !== 'string') return false;
  return TOOL_TEXTS.every((key) => isAbsentOrText(value[key])) && (value['schema'] === undefined || isJsonObject(value['schema']));
}
const isAgent = (value: unknown): boolean => isJsonObject(value) && typeof value['id'] === 'string' && isAbsentOrText(value['name']) && isAbsentOrText(value['orgId']);
const isAbsentOrText = (value: JsonValue | undefined): boolean => value === undefined || typeof value === 'string';
const problem = (text: string): { readonly ok: false; readonly problem: string } => ({ ok: false, problem: text });

/** The `configRevision` of a heartbeat's answer; null when it names none. */
export function namedRevision(body: JsonValue | undefined): number | null {
  const named = isJsonObject(body) ? body['configRevision'] : undefined;
  return typeof named === 'number' && Number.isSafeInteger(named) ? named : null;
}

function wholeNumber(text: string | null): number | null {
  return text !== null && /^[0-9]{1,15}$/.test(text) ? Number(text) : null;
}
