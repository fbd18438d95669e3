import type { JsonObject } from '@agentfleet/contracts';
import { AgentSettings } from './agent-settings';

const settingsOf = (fromAiwm: JsonObject, variables: Record<string, string> = {}) => new AgentSettings(() => fromAiwm, variables);
const ENVIRONMENT = { CLAUDE_RESUME: 'true', CLAUDE_MAX_TURNS: '50', CLAUDE_MODEL: 'local', DISCORD_CHANNEL_ID: '7,8', DISCORD_TOKEN: 'd' };

describe('what is present in AIWM wins, whatever its truth', () => {
  test('false', () => expect(settingsOf({ resume: false }, ENVIRONMENT).flag('CLAUDE_RESUME', true)).toEqual({ value: false, source: 'aiwm' }));
  test('0', () => expect(settingsOf({ maxTurns: 0 }, ENVIRONMENT).number('CLAUDE_MAX_TURNS', 9)).toEqual({ value: 0, source: 'aiwm' }));
  test('""', () => expect(settingsOf({ claudeModel: '' }, ENVIRONMENT).text('CLAUDE_MODEL', 'x')).toEqual({ value: '', source: 'aiwm' }));
  test('[]', () => expect(settingsOf({ discord: { channelIds: [] } }, ENVIRONMENT).list('DISCORD_CHANNEL_ID', ['1'])).toEqual({ value: [], source: 'aiwm' }));
  test('null is absent, as in the environment file that AIWM writes', () => {
    expect(settingsOf({ resume: null, claudeModel: null, discord: null }, ENVIRONMENT).flag('CLAUDE_RESUME', false)).toEqual({ value: true, source: 'environment' });
    expect(settingsOf({ discord: { token: null } }, ENVIRONMENT).text('DISCORD_TOKEN', '')).toEqual({ value: 'd', source: 'environment' });
    expect(settingsOf({ resume: null }).flag('CLAUDE_RESUME', false)).toEqual({ value: false, source: 'default' });
  });
});

test('the flat key comes before the nested one, unless it is null', () => {
  expect(settingsOf({ claude_resume: false, resume: true }).flag('CLAUDE_RESUME', true).value).toBe(false);
  expect(settingsOf({ discord_token: '', discord: { token: 'nested' } }).text('DISCORD_TOKEN', 'x').value).toBe('');
  expect(settingsOf({ discord_token: null, discord: { token: 'nested' } }).text('DISCORD_TOKEN', 'x').value).toBe('nested');
});

test('the environment wins over the default by presence too', () => {
  const settings = settingsOf({}, { CLAUDE_RESUME: 'false', CLAUDE_MAX_TURNS: '0', CLAUDE_MODEL: '', DISCORD_CHANNEL_ID: '' });
  expect(settings.flag('CLAUDE_RESUME', true)).toEqual({ value: false, source: 'environment' });
  expect(settings.number('CLAUDE_MAX_TURNS', 100)).toEqual({ value: 0, source: 'environment' });
  expect(settings.text('CLAUDE_MODEL', 'x')).toEqual({ value: '', source: 'environment' });
  expect(settings.list('DISCORD_CHANNEL_ID', ['1'])).toEqual({ value: [], source: 'environment' });
});

test.each<[string, JsonObject, number]>([
  ['text that is a number', { maxTurns: '12' }, 12],
  ['text that is none', { maxTurns: 'many' }, 50],
  ['an empty text', { maxTurns: '' }, 50],
  ['a list', { maxTurns: [3, 4] }, 50],
])('a number in AIWM given as %s', (_what, fromAiwm, value) => expect(settingsOf(fromAiwm, ENVIRONMENT).number('CLAUDE_MAX_TURNS', 9).value).toBe(value));

test('no prototype is a setting', () => {
  expect(settingsOf({ discord: 'text' }).text('DISCORD_TOKEN', 'none').value).toBe('none');
  for (const path of [['constructor'], ['__proto__'], ['discord', 'constructor']]) expect(settingsOf({ discord: {} }).fromAiwmAt(path)).toBeUndefined();
});

test('other settings are there by their path, as they are', () => {
  const settings = settingsOf({ limits: { daily: 0, 'a.b': [1] }, $where: 'x' });
  expect([settings.fromAiwmAt(['limits', 'daily']), settings.fromAiwmAt(['limits', 'a.b']), settings.fromAiwmAt(['$where']), settings.fromAiwmAt(['limits', 'weekly'])]).toEqual([0, [1], 'x', undefined]);
});
