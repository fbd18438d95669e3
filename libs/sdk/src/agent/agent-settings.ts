import { isJsonObject, type AiwmSettingPath, type AiwmSettingVariable, type JsonObject, type JsonValue } from '@agentfleet/contracts';
import type { Variables } from './agent-environment';

/** Where a value came from. */
export type SettingSource = 'aiwm' | 'environment' | 'default';

export interface Setting<T> {
  readonly value: T;
  readonly source: SettingSource;
}

/** Variables of `envConfig` and the settings they stand for: the flat key first, then the nested one. */
const KNOWN = {
  CLAUDE_MODEL: { flat: 'claude_model', nested: ['claudeModel'] },
  CLAUDE_MAX_TURNS: { flat: 'claude_maxTurns', nested: ['maxTurns'] },
  CLAUDE_PERMISSION_MODE: { flat: 'claude_permissionMode', nested: ['permissionMode'] },
  CLAUDE_RESUME: { flat: 'claude_resume', nested: ['resume'] },
  CLAUDE_CODE_OAUTH_TOKEN: { flat: 'claude_oauthToken', nested: ['claudeOAuthToken'] },
  DISCORD_TOKEN: { flat: 'discord_token', nested: ['discord', 'token'] },
  DISCORD_CHANNEL_ID: { flat: 'discord_channelIds', nested: ['discord', 'channelIds'] },
  DISCORD_BOT_ID: { flat: 'discord_botId', nested: ['discord', 'botId'] },
  TELEGRAM_BOT_TOKEN: { flat: 'telegram_token', nested: ['telegram', 'token'] },
  TELEGRAM_GROUP_ID: { flat: 'telegram_groupIds', nested: ['telegram', 'groupIds'] },
  TELEGRAM_BOT_USERNAME: { flat: 'telegram_botUsername', nested: ['telegram', 'botUsername'] },
} as const satisfies Readonly<Record<AiwmSettingVariable, AiwmSettingPath>>;

export type KnownVariable = AiwmSettingVariable;

/**
 * Settings by precedence: AIWM, then the environment, then the default. What is present wins, whatever its truth: `false`,
 * `0` and `""` of AIWM beat the environment; `null` counts as absent.
 */
export class AgentSettings {
  constructor(
    private readonly fromAiwm: () => JsonObject,
    private readonly variables: Variables,
  ) {}

  text(variable: KnownVariable, fallback: string): Setting<string> {
    return this.pick(variable, fallback, asText, (text) => text);
  }

  number(variable: KnownVariable, fallback: number): Setting<number> {
    return this.pick(variable, fallback, (value) => (typeof value === 'number' ? value : asNumber(asText(value))), asNumber);
  }

  flag(variable: KnownVariable, fallback: boolean): Setting<boolean> {
    return this.pick(variable, fallback, (value) => (typeof value === 'boolean' ? value : asFlag(asText(value))), asFlag);
  }

  /** A list; in the environment its entries are joined with commas. */
  list(variable: KnownVariable, fallback: readonly string[]): Setting<readonly string[]> {
    return this.pick(variable, fallback, (value) => (Array.isArray(value) ? value.map(String) : asList(asText(value))), asList);
  }

  /** Any other setting of AIWM by its path (`['limits', 'daily']`), as it is; undefined when it is absent. */
  fromAiwmAt(path: readonly string[]): JsonValue | undefined {
    return lookUp(this.fromAiwm(), path);
  }

  private pick<T>(variable: KnownVariable, fallback: T, ofJson: (value: JsonValue) => T | undefined, ofText: (text: string) => T | undefined): Setting<T> {
    const { flat, nested } = KNOWN[variable];
    const stored = this.fromAiwmAt([flat]) ?? this.fromAiwmAt(nested);
    const configured = stored == null ? undefined : ofJson(stored);
    if (configured !== undefined) return { value: configured, source: 'aiwm' };
    const text = this.variables[variable];
    const local = text === undefined ? undefined : ofText(text);
    return local === undefined ? { value: fallback, source: 'default' } : { value: local, source: 'environment' };
  }
}

function lookUp(settings: JsonObject, path: readonly string[]): JsonValue | undefined {
  return path.reduce<JsonValue | undefined>((value, key) => (isJsonObject(value) && Object.hasOwn(value, key) ? value[key] : undefined), settings);
}

const asText = (value: JsonValue): string => (typeof value === 'string' ? value : JSON.stringify(value));
const asList = (text: string): readonly string[] => text.split(',').map((entry) => entry.trim()).filter((entry) => entry !== '');
const asNumber = (text: string): number | undefined => (text.trim() === '' || Number.isNaN(Number(text)) ? undefined : Number(text));

function asFlag(text: string): boolean | undefined {
  if (/^(true|1|yes)$/i.test(text)) return true;
  return /^(false|0|no)$/i.test(text) ? false : undefined;
}
