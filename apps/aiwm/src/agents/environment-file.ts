import type { AiwmSettingVariable } from '@agentfleet/contracts';
import type { Settings } from './settings';

interface Subject {
  readonly agentId: string;
  readonly name: string;
  readonly secret: string;
  readonly baseUrl: string;
  readonly settings: Settings;
}

/** Variable, where its value comes from (first that is present wins), and its default. */
const SETTINGS: readonly (readonly [variable: AiwmSettingVariable, flat: string, nested: readonly string[], fallback: string | undefined])[] = [
  ['CLAUDE_MODEL', 'claude_model', ['claudeModel'], 'claude-3-5-haiku-latest'],
  ['CLAUDE_MAX_TURNS', 'claude_maxTurns', ['maxTurns'], '100'],
  ['CLAUDE_PERMISSION_MODE', 'claude_permissionMode', ['permissionMode'], 'bypassPermissions'],
  ['CLAUDE_RESUME', 'claude_resume', ['resume'], 'true'],
  ['CLAUDE_CODE_OAUTH_TOKEN', 'claude_oauthToken', ['claudeOAuthToken'], undefined],
  ['DISCORD_TOKEN', 'discord_token', ['discord', 'token'], undefined],
  ['DISCORD_CHANNEL_ID', 'discord_channelIds', ['discord', 'channelIds'], undefined],
  ['DISCORD_BOT_ID', 'discord_botId', ['discord', 'botId'], undefined],
  ['TELEGRAM_BOT_TOKEN', 'telegram_token', ['telegram', 'token'], undefined],
  ['TELEGRAM_GROUP_ID', 'telegram_groupIds', ['telegram', 'groupIds'], undefined],
  ['TELEGRAM_BOT_USERNAME', 'telegram_botUsername', ['telegram', 'botUsername'], undefined],
];

/** Agents in the field rely on this default; who starts a new one should know what it means. */
const UNASKED = 'CLAUDE_PERMISSION_MODE=bypassPermissions';
const ABOUT_UNASKED = '# bypassPermissions: the agent uses its tools (files, commands, network) without asking. The setting permissionMode changes it.';

const BARE = /^[A-Za-z0-9_./:@,+=-]+$/;
const CONTROL = /[\u0000-\u001f\u007f]/;

/** A value for `KEY=value`, always one line and safe to `source`. */
function quoted(value: string): string {
  if (BARE.test(value)) return value;
  if (!value.includes("'")) return `'${value}'`;
  return `"${value.replace(/[\\"$`]/g, '\\$&')}"`;
}

function line(variable: string, value: string): string {
  return CONTROL.test(value) ? `# ${variable} is left out: its value has a control character` : `${variable}=${quoted(value)}`;
}

function lookUp(settings: Settings, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (typeof value === 'object' && value !== null && Object.hasOwn(value, key) ? Object.entries(value).find(([name]) => name === key)?.[1] : undefined),
    settings,
  );
}

function settingLine(settings: Settings, [variable, flat, nested, fallback]: (typeof SETTINGS)[number]): string {
  const value = lookUp(settings, [flat]) ?? lookUp(settings, nested);
  if (value === undefined || value === null) return fallback === undefined ? `# ${variable}=` : line(variable, fallback);
  if (Array.isArray(value) && value.every((entry) => typeof entry !== 'object')) return line(variable, value.map(String).join(','));
  if (typeof value === 'object') return `# ${variable} is left out: its value is an object`;
  return line(variable, String(value));
}

/** The lines of an agent's environment file (contract section 7). */
export function renderEnvConfig(subject: Subject): string {
  return [
    '# ===== AIWM Integration =====',
    'AIWM_ENABLED=true',
    line('AIWM_BASE_URL', subject.baseUrl),
    line('AIWM_AGENT_ID', subject.agentId),
    line('AIWM_AGENT_SECRET', subject.secret),
    line('AGENT_NAME', subject.name),
    '',
    '# ===== Agent =====',
    ...SETTINGS.flatMap((entry) => {
      const setting = settingLine(subject.settings, entry);
      return setting === UNASKED ? [ABOUT_UNASKED, setting] : [setting];
    }),
    '',
  ].join('\n');
}

/** One argument for a shell, whatever it holds; an empty `''` parts a backslash from `$(` and `${`, which people grep for. */
function shellQuoted(value: string): string {
  return `'${value.replace(/'/g, "'\\''").replace(/\\(?=\$[({])/g, "\\''")}'`;
}

/** A script that puts the environment file in place; every inserted value is single-quoted. */
export function renderInstallScript(subject: Subject): string {
  const lines = renderEnvConfig(subject).split('\n').map(shellQuoted);
  return [
    '#!/bin/bash',
    '# Writes the environment of an Agentfleet agent. Running it again does no harm.',
    '# shellcheck disable=SC1003,SC2016 # values are written as they are, nothing in them is to expand',
    'set -euo pipefail',
    '',
    `agent_id=${shellQuoted(subject.agentId)}`,
    `base_url=${shellQuoted(subject.baseUrl)}`,
    'env_file="${AIWM_ENV_FILE:-$HOME/.config/agentfleet/$agent_id.env}"',
    '',
    'umask 077',
    'mkdir -p "$(dirname "$env_file")"',
    'temporary="$(mktemp "$env_file.XXXXXX")"',
    `printf '%s\\n' \\`,
    ...lines.map((text, index) => `  ${text}${index < lines.length - 1 ? ' \\' : ' > "$temporary"'}`),
    'chmod 600 "$temporary"',
    'mv "$temporary" "$env_file"',
    'echo "Wrote $env_file"',
    '',
    'if command -v curl > /dev/null; then',
    '  if curl --fail --silent --show-error --max-time 10 --output /dev/null "$base_url/health"; then',
    '    echo "AIWM answers at $base_url"',
    '  else',
    '    echo "AIWM does not answer at $base_url; check the address and the network" >&2',
    '  fi',
    'fi',
    '',
    'echo "Next: start your agent with these variables, for example:"',
    'echo "  set -a; . \\"$env_file\\"; set +a; ./start-agent"',
    '',
  ].join('\n');
}
