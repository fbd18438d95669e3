/** Variables of `envConfig` that say where AIWM is and who the agent is. */
export type AiwmAccessVariable = 'AIWM_ENABLED' | 'AIWM_BASE_URL' | 'AIWM_AGENT_ID' | 'AIWM_AGENT_SECRET' | 'AGENT_NAME';

/** Variables of `envConfig` whose values come from the agent's settings. */
export type AiwmSettingVariable =
  | 'CLAUDE_MODEL'
  | 'CLAUDE_MAX_TURNS'
  | 'CLAUDE_PERMISSION_MODE'
  | 'CLAUDE_RESUME'
  | 'CLAUDE_CODE_OAUTH_TOKEN'
  | 'DISCORD_TOKEN'
  | 'DISCORD_CHANNEL_ID'
  | 'DISCORD_BOT_ID'
  | 'TELEGRAM_BOT_TOKEN'
  | 'TELEGRAM_GROUP_ID'
  | 'TELEGRAM_BOT_USERNAME';

/** Where a variable stands in the settings: under the flat key, else at the nested path. */
export interface AiwmSettingPath {
  readonly flat: string;
  readonly nested: readonly string[];
}
