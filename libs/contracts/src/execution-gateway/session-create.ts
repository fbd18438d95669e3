import { defined, FieldReader, type Parsed, type TextRule } from '../platform/field-reader';
import { isJsonObject, isWellFormed, type JsonObject } from '../platform/json';
import { hasControlCharacter } from '../platform/text';
import { GATEWAY_DIALECT } from './dialect';
import { readRunLimits } from './run-limits';
import { ENGINE_NAMES, GATEWAY_ID_PATTERN, type EngineName, type ToolPolicy } from './rest';
import type { RunLimits } from './usage';

/** The body of `POST /sessions`; undefined where the caller said nothing. */
export interface SessionCreate {
  readonly userId: string | undefined;
  readonly workspaceDir: string | undefined;
  readonly sessionId: string | undefined;
  readonly metadata: JsonObject | undefined;
  readonly engine: EngineName | undefined;
  readonly engineFallback: 'local' | undefined;
  readonly model: string | undefined;
  readonly agentId: string | undefined;
  readonly vpsAgent: string | undefined;
  readonly limits: RunLimits | undefined;
  readonly toolPolicy: ToolPolicy | undefined;
}

const METADATA_MAX_BYTES = 16 * 1024;
const MAX_DEPTH = 16;

const NAME: TextRule = { says: 'must be a string of 1 to 256 characters', accepts: (v) => v.length > 0 && v.length <= 256 && !hasControlCharacter(v) };
const WORKSPACE = { says: 'must be a string of 1 to 4096 characters without NUL', accepts: (v: string) => v.length > 0 && v.length <= 4096 && !v.includes('\0') };
const SESSION_ID = {
  says: 'must be 1 to 128 letters, digits, "_", "." or "-", the first a letter or digit',
  accepts: (v: string) => GATEWAY_ID_PATTERN.test(v),
};

/** Parses the body of `POST /sessions`. Unknown fields are ignored; `null` means absent. */
export function parseSessionCreate(body: JsonObject): Parsed<SessionCreate> {
  const fields = new FieldReader(body, GATEWAY_DIALECT);
  const engine = aliased(fields, 'engine', 'runtime', ENGINE_NAMES);
  const engineFallback = aliased(fields, 'engine_fallback', 'runtime_fallback', ['local'] as const);
  const vpsAgent = fields.text('vps_agent', NAME);
  if (engine === 'vps' && fields.raw('vps_agent') === undefined) fields.refuse('vps_agent', 'is required for the engine vps');
  return fields.finish({
    userId: fields.text('user_id', NAME),
    workspaceDir: fields.text('workspace_dir', WORKSPACE),
    sessionId: fields.text('session_id', SESSION_ID),
    metadata: fields.object('metadata', { maxBytes: METADATA_MAX_BYTES, maxDepth: MAX_DEPTH }),
    engine,
    engineFallback,
    model: fields.text('model', NAME),
    agentId: fields.text('agent_id', NAME),
    vpsAgent,
    limits: readRunLimits(fields),
    toolPolicy: toolPolicy(fields),
  });
}

/** A field and its older name: both given and different is an error. */
function aliased<T extends string>(fields: FieldReader, field: string, alias: string, values: readonly T[]): T | undefined {
  const [value, other] = [fields.oneOf(field, values), fields.oneOf(alias, values)];
  if (value !== undefined && other !== undefined && value !== other) fields.refuse(alias, `must be the same as ${field}`);
  return value ?? other;
}

const DECISIONS = ['auto', 'ask', 'deny'] as const;
const MAX_RULES = 200;

function toolPolicy(fields: FieldReader): ToolPolicy | undefined {
  const value = fields.raw('tool_policy');
  if (value === undefined) return undefined;
  if (!isJsonObject(value)) return fields.refuse('tool_policy', 'must be an object');
  const decision = (given: unknown) => DECISIONS.find((known) => known === given);
  const { default: byDefault = 'auto', tools = {} } = defined(value);
  const fallback = decision(byDefault);
  if (!fallback) return fields.refuse('tool_policy', 'must have "auto", "ask" or "deny" as its default');
  if (!isJsonObject(tools) || Object.keys(tools).length > MAX_RULES) return fields.refuse('tool_policy', `must have at most ${MAX_RULES} tools in an object`);
  const rules: Record<string, 'auto' | 'ask' | 'deny'> = {};
  for (const [name, given] of Object.entries(tools)) {
    const rule = decision(given);
    if (!isWellFormed(name)) return fields.refuse('tool_policy', GATEWAY_DIALECT.halfPairInside);
    if (!rule || name.length > 128) return fields.refuse('tool_policy', 'must say "auto", "ask" or "deny" for each tool');
    rules[name] = rule;
  }
  return { default: fallback, tools: rules };
}
