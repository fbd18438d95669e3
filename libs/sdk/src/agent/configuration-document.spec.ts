import fc from 'fast-check';
import { changedKeys, parseConfiguration, parseConnection } from './configuration-document';

const ANSWER = {
  token: 'eyJ.a.b',
  accessToken: 'eyJ.a.b',
  expiresIn: 86_400,
  tokenType: 'bearer',
  refreshToken: null,
  refreshExpiresIn: 0,
  instruction: 'Be kind.',
  tools: [{ _id: 't1', name: 'read-file', type: 'builtin', description: 'Reads', category: 'productivity', status: 'active', schema: { inputSchema: {}, outputSchema: {} } }],
  agent: { id: 'a1', name: 'Agent', orgId: 'o1' },
  settings: { resume: false },
  mcpServers: { search: { type: 'http', url: 'http://tools/search' } },
};
const headers = new Headers({ 'X-Config-Revision': '7', 'X-Heartbeat-Interval': '20' });
const WRONG = { null: null, number: 5, negative: -1, fraction: 1.5, true: true, text: 'text', empty: '', list: [], listOfNull: [null], object: {}, objectOfText: { a: 'b' } };
type Kind = keyof typeof WRONG;

/** For each field what it may be; everything else is refused. */
const FIELDS: Readonly<Record<string, readonly Kind[]>> = {
  expiresIn: ['number', 'fraction'],
  tokenType: [],
  instruction: ['text', 'empty'],
  tools: ['list'],
  agent: [],
  settings: ['object', 'objectOfText'],
  mcpServers: ['object'],
};
const cases = Object.entries(FIELDS).flatMap(([field, allowed]) => (Object.keys(WRONG) as Kind[]).map((kind) => [field, kind, allowed.includes(kind)] as const)); // the keys of WRONG are its kinds

test('the answer of the contract is taken', () => {
  expect(parseConnection(ANSWER, headers)).toMatchObject({ ok: true, value: { token: 'eyJ.a.b', expiresInMs: 86_400_000, heartbeatIntervalMs: 20_000, configuration: { revision: 7, instruction: 'Be kind.', settings: { resume: false } } } });
});

test.each(cases)('%s that is %s: taken %s', (field, kind, taken) => {
  const result = parseConnection({ ...ANSWER, [field]: WRONG[kind] }, headers);
  expect(result.ok).toBe(taken);
  if (!result.ok) expect(result.problem).toContain(field);
});

test.each(Object.keys(WRONG) as Kind[])('a token that is %s', (kind) => {
  const value = WRONG[kind];
  const isToken = kind === 'text';
  expect(parseConnection({ ...ANSWER, token: value }, headers).ok).toBe(isToken || kind === 'null'); // null: accessToken has it
  expect(parseConnection({ ...ANSWER, token: value, accessToken: undefined }, headers).ok).toBe(isToken);
  expect(parseConnection({ ...ANSWER, token: undefined, accessToken: value }, headers).ok).toBe(isToken);
});

test.each(['_id', 'name', 'type', 'description', 'category', 'status', 'schema'])('a tool whose %s has another type', (field) => {
  const [tool] = ANSWER.tools;
  for (const value of [5, null, [], true]) expect(parseConnection({ ...ANSWER, tools: [{ ...tool, [field]: value }] }, headers).ok).toBe(false);
});

test.each(['id', 'name', 'orgId'])('an agent whose %s is no text', (field) => {
  for (const value of [5, null, [], {}]) expect(parseConnection({ ...ANSWER, agent: { ...ANSWER.agent, [field]: value } }, headers).ok).toBe(false);
});

test.each(['token', 'expiresIn', 'instruction', 'tools', 'agent', 'settings'])('without %s it is refused', (field) => {
  const without: Record<string, unknown> = { ...ANSWER, accessToken: undefined };
  delete without[field];
  expect(parseConnection(without, headers).ok).toBe(false);
});

test.each(['0', '-1', '1.5', 'soon', '', '86401', '9999999999999999'])('an X-Heartbeat-Interval of %p is the usual minute', (text) => {
  expect(parseConnection(ANSWER, new Headers({ 'X-Heartbeat-Interval': text }))).toMatchObject({ ok: true, value: { heartbeatIntervalMs: 60_000 } });
});

test('without its header the revision is that of the body, or none', () => {
  expect(parseConnection(ANSWER, new Headers())).toMatchObject({ value: { configuration: { revision: null } } });
  expect(parseConfiguration({ ...ANSWER, configRevision: 9 })).toMatchObject({ value: { revision: 9 } });
  expect(parseConfiguration({ ...ANSWER, configRevision: '9' })).toMatchObject({ value: { revision: null } });
});

test('no JSON at all makes it throw, and nothing without a token is taken', () => {
  const field = fc.constantFrom(...Object.keys(ANSWER));
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      parseConnection(value, headers);
      parseConfiguration(value);
    }),
  );
  fc.assert(
    fc.property(field, fc.jsonValue(), (name, value) => {
      const result = parseConnection({ ...ANSWER, [name]: value }, headers);
      return !result.ok || /^[\x21-\x7e]+$/.test(result.value.token);
    }),
  );
});

test('changed keys name added, removed and altered settings, prototypes included', () => {
  const of = (settings: string) => {
    const parsed = parseConfiguration({ ...ANSWER, settings: JSON.parse(settings) });
    if (!parsed.ok) throw new Error(parsed.problem);
    return parsed.value;
  };
  expect(changedKeys(of('{"a":1,"b":{"c":[1,2]},"same":0}'), of('{"b":{"c":[2,1]},"d":null,"same":0}'))).toEqual(['settings.a', 'settings.b', 'settings.d']);
  expect(changedKeys(of('{}'), of('{"__proto__":{"x":1},"constructor":2}'))).toEqual(['settings.__proto__', 'settings.constructor']);
  expect(changedKeys(of('{"a":{"x":1,"y":2}}'), of('{"a":{"y":2,"x":1}}'))).toEqual([]);
});
