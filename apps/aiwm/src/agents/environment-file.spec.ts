import { spawnSync } from 'node:child_process';
import { renderEnvConfig, renderInstallScript } from './environment-file';

const NAMES = ['plain', "O'Brien", '"; rm -rf $HOME; #', '$(reboot)', '`id`', '\\', 'EOF', '😀 ‮', "'\"$\\`"];
const SUBJECT = { agentId: '66b1f00dcafe4a7c9f1d3e42', secret: 'f'.repeat(64), baseUrl: 'https://host/dev/aiwm' };

test('an agent that uses its tools without asking is told so beside the variable, and how to change it', () => {
  const lines = (settings: object) => renderEnvConfig({ ...SUBJECT, name: 'a', settings: { ...settings } }).split('\n');
  const byDefault = lines({});
  const at = byDefault.indexOf('CLAUDE_PERMISSION_MODE=bypassPermissions');
  expect(byDefault[at - 1]).toMatch(/^# bypassPermissions: .* without asking.* permissionMode /);
  expect(lines({ permissionMode: 'bypassPermissions' })).toEqual(byDefault);
  const asks = lines({ permissionMode: 'default' });
  expect(asks).toContain('CLAUDE_PERMISSION_MODE=default');
  expect(asks.join('\n')).not.toContain('bypassPermissions');
});

test.each(NAMES)('the script of an agent called %s is valid, and its lines give the name back', (name) => {
  const subject = { ...SUBJECT, name, settings: { claude_model: name, resume: false, maxTurns: 0, discord: { token: name, channelIds: ['1', '2'] } } };
  const script = renderInstallScript(subject);
  expect(spawnSync('bash', ['-n'], { input: script }).stderr.toString()).toBe('');
  expect(script).toContain(SUBJECT.agentId);
  const lines = renderEnvConfig(subject);
  const printed = spawnSync('bash', ['-c', `set -eu\n${lines}\nprintf '%s\\n' "$AGENT_NAME" "$CLAUDE_MODEL" "$DISCORD_TOKEN" "$CLAUDE_RESUME" "$CLAUDE_MAX_TURNS" "$DISCORD_CHANNEL_ID" "$AIWM_BASE_URL"`]);
  expect([printed.stderr.toString(), printed.stdout.toString().split('\n').slice(0, 7)]).toEqual(['', [name, name, name, 'false', '0', '1,2', SUBJECT.baseUrl]]);
});
