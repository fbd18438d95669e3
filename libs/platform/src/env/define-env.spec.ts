import { choice, defineEnv, flag, httpUrl, integer, json, list, text } from './define-env';
import { isLoopbackHost, platformProblems, platformVariables } from './platform-variables';

const definition = defineEnv(
  {
    PORT: integer({ default: 1, min: 1, max: 9, doc: '' }),
    NAME: text({ optional: true, minLength: 2, doc: '' }),
    ON: flag({ default: false, doc: '' }),
    MODE: choice(['a', 'b'], { default: 'a', doc: '' }),
    LIST: list({ default: [], doc: '' }),
    URL: httpUrl({ optional: true, doc: '' }),
    JSON: json({ optional: true, doc: '', read: (value) => value }),
  },
  ({ PORT, MODE }) => (PORT === 9 && MODE === 'b' ? [{ name: 'MODE', problem: 'cannot be b at 9' }] : []),
);

const problems = (source: Record<string, string>) => {
  const result = definition.parse(source);
  return result.ok ? [] : result.problems.map(({ name, problem }) => `${name} ${problem}`);
};

test('defaults hold for what is absent or empty', () => {
  const expected = { PORT: 1, NAME: undefined, ON: false, MODE: 'a', LIST: [], URL: undefined, JSON: undefined };
  expect(definition.parse({ PORT: '' })).toEqual({ ok: true, values: expected });
  expect(definition.defaults()).toEqual(expected);
});

test('values are read', () => {
  const result = definition.parse({ PORT: '9', NAME: 'ab', ON: 'on', MODE: 'b', LIST: ' x, ,y', URL: 'https://h/p//', JSON: '[1]' });
  expect(result).toEqual({ ok: false, problems: [{ name: 'MODE', problem: 'cannot be b at 9' }] });
  expect(definition.parse({ PORT: '2', NAME: 'ab', ON: '1', MODE: 'b', LIST: ' x, ,y', URL: 'https://h/p//', JSON: '[1]' })).toEqual({
    ok: true,
    values: { PORT: 2, NAME: 'ab', ON: true, MODE: 'b', LIST: ['x', 'y'], URL: 'https://h/p', JSON: [1] },
  });
});

test.each(['0', '10', '1.5', 'x', '1e0', ' 1', '+1', '0x1'])('PORT=%s is refused', (value) => {
  expect(problems({ PORT: value })).toEqual(['PORT must be a whole number from 1 to 9']);
});

test('every bad variable is named at once', () => {
  expect(problems({ NAME: 'a', ON: 'yes', MODE: 'c', URL: 'ftp://h', JSON: '{' })).toEqual([
    'NAME must have at least 2 characters',
    'ON must be true or false',
    'MODE must be one of a, b',
    'URL must be an http or https URL',
    'JSON must be valid JSON',
  ]);
});

describe('platform variables', () => {
  const env = (source: Record<string, string>) => {
    const result = defineEnv(platformVariables).parse(source);
    if (!result.ok) throw new Error(JSON.stringify(result.problems));
    return platformProblems(result.values).map(({ name }) => name);
  };
  const SECRETS_KEY = `k:${Buffer.alloc(32).toString('base64')}`;

  test('AUTH_MODE=off only on a loopback address', () => {
    expect(env({ SECRETS_KEY, AUTH_MODE: 'off' })).toEqual([]);
    expect(env({ SECRETS_KEY, AUTH_MODE: 'off', HOST: '0.0.0.0' })).toEqual(['AUTH_MODE']);
    expect(['127.0.0.1', '127.9.9.9', '::1', 'localhost'].filter(isLoopbackHost)).toHaveLength(4);
    expect(['0.0.0.0', '10.0.0.1', 'localhost.example.org', ''].filter(isLoopbackHost)).toEqual([]);
  });

  test('SECRETS_KEY is needed and has a form', () => {
    expect(env({})).toEqual(['SECRETS_KEY']);
    expect(() => env({ SECRETS_KEY: 'short' })).toThrow('SECRETS_KEY');
    expect(env({ SECRETS_KEY: `${SECRETS_KEY},old:${Buffer.alloc(32, 1).toString('base64')}` })).toEqual([]);
  });

  test('TRUSTED_PROXIES takes addresses and CIDRs only', () => {
    expect(env({ SECRETS_KEY, TRUSTED_PROXIES: '10.0.0.0/8, ::1' })).toEqual([]);
    for (const bad of ['10.0.0.0/33', 'proxy', '10.0.0.0/8/8']) expect(() => env({ SECRETS_KEY, TRUSTED_PROXIES: bad })).toThrow('TRUSTED_PROXIES');
  });
});

test.each([
  ['AIWM_PROT', 'AIWM_PORT'],
  ['AIWM_POR', 'AIWM_PORT'],
  ['AIWM_PORTS', 'AIWM_PORT'],
  ['aiwm_port', 'AIWM_PORT'],
  ['CORS_ORIGIN', 'CORS_ORIGINS'],
])('%s is most likely meant for %s', (name, meant) => {
  const { misspelled } = defineEnv({ AIWM_PORT: integer({ default: 1, doc: '' }), CORS_ORIGINS: list({ default: [], doc: '' }) });
  expect(misspelled({ [name]: 'x', PATH: '/bin', AIWM_PORT: '2', AIWM_HOST: 'h', UA_GATEWAY_PORT: '3' })).toEqual([{ name, problem: `is no variable and is ignored; did you mean ${meant}?` }]);
});

test.each([
  ['https://fleet.example:8443', true],
  ['http://localhost:3305', true],
  ['https://FLEET.example', false],
  ['example', false],
  ['https://fleet.example/', false],
  ['https://fleet.example/path', false],
  ['*', false],
  ['null', false],
  ['ftp://fleet.example', false],
])('CORS_ORIGINS=%s is accepted: %s', (text, accepted) => {
  const result = defineEnv({ CORS_ORIGINS: platformVariables.CORS_ORIGINS }).parse({ CORS_ORIGINS: text });
  expect(result.ok).toBe(accepted);
  if (!result.ok) expect(result.problems[0]?.problem).toMatch(/^must be a comma-separated list of origins such as/);
});
