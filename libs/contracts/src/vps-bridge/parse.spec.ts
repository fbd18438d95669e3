import fc from 'fast-check';
import { isVpsAgentName, isVpsSessionId } from './names';
import { parseVpsCall } from './parse-call';
import { parseVpsRegistration } from './parse-register';

const problemsOf = (parsed: { ok: true } | { ok: false; problems: readonly { field: string; message: string }[] }) =>
  parsed.ok ? [] : parsed.problems.map(({ field, message }) => `${field} ${message}`);
const fieldsOf = (parsed: Parameters<typeof problemsOf>[0]) => (parsed.ok ? [] : parsed.problems.map(({ field }) => field));

describe('parseVpsCall', () => {
  const call = (over: object = {}) => parseVpsCall({ agent_name: 'a', prompt: 'p', ...over });

  it('fills in defaults, takes null as absent and ignores unknown fields', () => {
    const expected = {
      ok: true,
      value: { agentName: 'a', prompt: 'p', sessionId: null, userId: null, metadata: null, includeHistory: false, deadlineSeconds: null },
    };
    expect(call()).toEqual(expected);
    expect(call({ session_id: null, user_id: null, metadata: null, deadline_seconds: null, extra: 1 })).toEqual(expected);
  });

  it('keeps everything exactly as it came', () => {
    const metadata = { $where: 1, 'a.b': [null, true], '': { deep: 'x' }, constructor: 'y' };
    const given = { prompt: ' \u0000 héllo 😀 ', session_id: 'a/b?$ ü', user_id: 'U 1', metadata, include_history: true, deadline_seconds: 1.5 };
    expect(call(given)).toMatchObject({
      ok: true,
      value: { prompt: given.prompt, sessionId: 'a/b?$ ü', userId: 'U 1', metadata, includeHistory: true, deadlineSeconds: 1.5 },
    });
  });

  it.each([[null], [5], ['x'], [[]], [undefined], [true]])('refuses a body %j', (body) => expect(fieldsOf(parseVpsCall(body))).toEqual(['body']));

  it('names every wrong field', () => {
    expect(fieldsOf(parseVpsCall({ session_id: 5, include_history: 'yes' }))).toEqual(['agent_name', 'prompt', 'session_id', 'include_history']);
  });

  it.each<[string, object]>([
    ['agent_name', { agent_name: '' }],
    ['agent_name', { agent_name: 'x'.repeat(257) }],
    ['agent_name', { agent_name: 5 }],
    ['agent_name', { agent_name: 'a\ud800' }],
    ['prompt', { prompt: '' }],
    ['prompt', { prompt: ['p'] }],
    ['prompt', { prompt: 'x\udc00y' }],
    ['prompt', { prompt: 'x'.repeat(2_000_001) }],
    ['session_id', { session_id: '' }],
    ['session_id', { session_id: 'a\nb' }],
    ['session_id', { session_id: '\u0085' }],
    ['session_id', { session_id: '..' }],
    ['session_id', { session_id: '__proto__' }],
    ['session_id', { session_id: 'export' }],
    ['session_id', { session_id: '😀'.repeat(257) }],
    ['user_id', { user_id: '\u0000' }],
    ['user_id', { user_id: 1 }],
    ['metadata', { metadata: [] }],
    ['metadata', { metadata: 'x' }],
    ['metadata', { metadata: { a: { 'b\u0000': 1 } } }],
    ['metadata', { metadata: { a: ['\ud800'] } }],
    ['metadata', { metadata: { a: 'ü'.repeat(33_000) } }],
    ['include_history', { include_history: 1 }],
    ['deadline_seconds', { deadline_seconds: 0.5 }],
    ['deadline_seconds', { deadline_seconds: 3601 }],
    ['deadline_seconds', { deadline_seconds: '30' }],
  ])('refuses %s in case %#', (field, over) => expect(fieldsOf(call(over))).toEqual([field]));

  it('counts code points, not halves of pairs', () => {
    expect(call({ session_id: '😀'.repeat(256), agent_name: '😀'.repeat(256) }).ok).toBe(true);
  });

  it('never throws and never echoes a value, whatever comes', () => {
    const secret = 'SECRET-VALUE';
    fc.assert(
      fc.property(fc.object({ key: fc.constantFrom('agent_name', 'prompt', 'metadata', 'user_id', 'deadline_seconds') }), (body) => {
        const parsed = parseVpsCall({ ...body, session_id: [secret] });
        expect(problemsOf(parsed).join()).not.toContain(secret);
        expect(parsed.ok).toBe(false);
      }),
    );
  });
});

describe('parseVpsRegistration', () => {
  const register = (over: object = {}) => parseVpsRegistration({ name: 'pm-agent', host: '192.168.1.100', port: 5000, ...over });

  it('fills in the defaults', () => {
    expect(register()).toEqual({
      ok: true,
      value: {
        name: 'pm-agent',
        host: '192.168.1.100',
        port: 5000,
        protocol: 'http',
        authToken: null,
        timeoutSeconds: 30,
        maxRetries: 3,
        fallbackAgents: [],
        api: 'messages',
        model: null,
        streaming: false,
        retryOn: null,
        fallbackOn: null,
      },
    });
  });

  it('drops its own name and repetitions from the chain, and an empty token', () => {
    expect(register({ fallback_agents: ['b', 'pm-agent', 'c', 'b'], auth_token: '' })).toMatchObject({
      ok: true,
      value: { fallbackAgents: ['b', 'c'], authToken: null },
    });
    expect(register({ retry_on: [], fallback_on: ['5xx', 'TIMEOUT', 'refused', '503'] })).toMatchObject({
      value: { retryOn: [], fallbackOn: ['5xx', 'TIMEOUT', 'refused', '503'] },
    });
  });

  it.each<[string, object]>([
    ['name', { name: '-x' }],
    ['name', { name: 5 }],
    ['name', { name: '__proto__' }],
    ['name', { name: 'x'.repeat(129) }],
    ['name', { name: 'a b' }],
    ['host', { host: 5 }],
    ['host', { host: null }],
    ['port', { port: '5000' }],
    ['port', { port: true }],
    ['port', { port: 80.5 }],
    ['port', { port: 0 }],
    ['port', { port: 65536 }],
    ['protocol', { protocol: 5 }],
    ['auth_token', { auth_token: 'a\r\nb' }],
    ['auth_token', { auth_token: 'a b' }],
    ['auth_token', { auth_token: 'x'.repeat(4097) }],
    ['timeout_seconds', { timeout_seconds: 0 }],
    ['timeout_seconds', { timeout_seconds: 601 }],
    ['max_retries', { max_retries: 0 }],
    ['max_retries', { max_retries: 11 }],
    ['fallback_agents', { fallback_agents: 'b' }],
    ['fallback_agents', { fallback_agents: ['b', 5] }],
    ['fallback_agents', { fallback_agents: ['a b'] }],
    ['fallback_agents', { fallback_agents: Array.from({ length: 17 }, (_, n) => `a${n}`) }],
    ['api', { api: 'grpc' }],
    ['model', { model: '' }],
    ['streaming', { streaming: 'true' }],
    ['retry_on', { retry_on: ['sometimes'] }],
    ['fallback_on', { fallback_on: 'TIMEOUT' }],
    ['cluster_id', { cluster_id: '8f14e45f-ceea-467f-9f12-1234567890ab' }],
    ['service', { service: 'ns/name:80' }],
    ['path_prefix', { path_prefix: '/x' }],
  ])('refuses %s in case %#', (field, over) => expect(fieldsOf(register(over))).toEqual([field]));

  it('says what a port may be, as the contract words it', () => {
    expect(problemsOf(register({ port: '5000' }))).toEqual(['port must be a whole number from 1 to 65535']);
  });

  it('tells an unknown protocol apart, when all else is right', () => {
    expect(register({ protocol: 'ftp' })).toEqual({ ok: false, problems: [], unknownProtocol: 'ftp' });
    expect(register({ protocol: 'grpc', port: 0 })).toMatchObject({ problems: [{ field: 'port' }] });
  });

  it('never puts a token into a problem', () => {
    expect(problemsOf(register({ auth_token: 'secret token' })).join()).not.toContain('secret');
  });
});

it('knows which ids can exist', () => {
  expect(isVpsAgentName('a.b-c_d')).toBe(true);
  expect(isVpsAgentName('')).toBe(false);
  expect(isVpsSessionId('a/b')).toBe(true);
  expect(isVpsSessionId('import')).toBe(false);
  expect(isVpsSessionId('\ud800')).toBe(false);
});
