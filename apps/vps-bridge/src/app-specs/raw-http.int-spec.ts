import { says } from '@agentfleet/testing';
import { requestText, sendRaw, type RawAnswer } from './raw-http.fixture';
import { TwoBridges } from './two-bridges.fixture';

let two: TwoBridges;
let url: string;
let name: string;

beforeAll(async () => {
  two = await TwoBridges.start({ VPS_MAX_IMPORT_BYTES: '200000', VPS_MAX_BODY_BYTES: '100000' });
  url = two.replicas[0]!.url;
  ({ name } = await two.agent(says('ok')));
});
afterAll(() => two.stop());

const KEY = { 'X-API-Key': 'a-static-key-of-the-bridge' };
const JSON_BODY = { ...KEY, 'Content-Type': 'application/json' };
const send = (method: string, target: string, headers: Readonly<Record<string, string>> = KEY, body?: string | Buffer) => sendRaw(url, requestText(method, target, headers, body));
const post = (route: string, body: string | Buffer, headers: Readonly<Record<string, string>> = JSON_BODY) => send('POST', `/api/vps/${route}`, headers, body);
const call = (fields: string) => post('call', `{"agent_name":${JSON.stringify(name)},"prompt":"p"${fields}}`);
const fieldsOf = ({ body }: RawAnswer) => (body['errors'] as { field: string }[] | undefined)?.map(({ field }) => field) ?? [];
const verdict = (answer: RawAnswer) => [answer.status, answer.body['code']];

function expectShape(answer: RawAnswer): void {
  expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
  expect(answer.body).toMatchObject({ detail: expect.any(String), code: expect.any(String), correlation_id: expect.any(String) });
  expect(answer.text).not.toMatch(/node_modules|at \w+ \(|Mongo|fastify|\/src\//i);
}

describe('URLs', () => {
  it.each([
    ['GET', '/api/vps', 404, 'not_found'],
    ['PUT', '/api/vps/agents', 404, 'not_found'],
    ['TRACE', '/api/vps/agents', 404, 'not_found'],
    ['DELETE', '/api/vps/sessions', 404, 'not_found'],
    ['GET', '/api/vps/sessions/%zz', 400, 'malformed_url'],
    ['GET', '/api/vps/sessions/%ff', 400, 'malformed_url'],
    ['GET', '/api/vps/sessions?user_id=%zz', 400, 'malformed_url'],
    ['GET', '/api/vps/sessions?user_id=%ed%a0%80', 400, 'malformed_url'],
    ['GET', '/api/vps/sessions/..', 404, 'session_not_found'],
    ['GET', '/api/vps/sessions/%2e%2e', 404, 'session_not_found'],
    ['GET', '/api/vps/sessions/__proto__', 404, 'session_not_found'],
    ['DELETE', '/api/vps/sessions/cleanup', 404, 'session_not_found'],
    ['GET', `/api/vps/sessions/${'x'.repeat(300)}`, 404, 'session_not_found'],
    ['GET', `/api/vps/sessions/${'x'.repeat(6000)}`, 404, 'not_found'],
    ['GET', '/api/vps/agents/..', 404, 'agent_not_found'],
    ['GET', '/api/vps/agents/%00', 404, 'agent_not_found'],
    ['GET', '/api/vps/calls/constructor%2Fx', 404, 'call_not_found'],
    ['GET', '/api/vps/sessions?active_since=2026-02-30T00:00:00Z', 422, 'validation_failed'],
    ['GET', '/api/vps/sessions?active_since=2026-02-18T24:00:00Z', 422, 'validation_failed'],
    ['GET', '/api/vps/calls?since=2026-02-18T21:30:00', 422, 'validation_failed'],
    ['GET', '/api/vps/calls?kind=sync&kind=sync', 422, 'validation_failed'],
    ['GET', '/api/vps/calls?cursor=%2B', 422, 'validation_failed'],
    ['GET', '/api/vps/calls?limit=201', 422, 'validation_failed'],
    ['GET', '/api/vps/sessions/x?message_limit=1001', 422, 'validation_failed'],
    ['GET', '/api/vps/sessions/export?user_id=a&user_id=b', 422, 'validation_failed'],
    ['POST', '/api/vps/sessions/cleanup?max_age_hours=%2024', 422, 'validation_failed'],
  ])('%s %s is 401 without credentials, and then %i %s', async (method, target, status, code) => {
    const stranger = await send(method, target, {}, method === 'POST' ? '{' : undefined);
    expectShape(stranger);
    expect([...verdict(stranger), stranger.headers['www-authenticate']]).toEqual([401, 'unauthenticated', 'Bearer']);
    const answer = await send(method, target);
    expectShape(answer);
    expect(verdict(answer)).toEqual([status, code]);
  });

  it('decodes path parameters once, and cuts ids in texts at 64 whole characters', async () => {
    expect((await send('GET', '/api/vps/sessions/a%252Fb')).body['detail']).toBe("Session 'a%2Fb' not found");
    expect((await send('GET', '/api/vps/sessions/a%2Fb')).body['detail']).toBe("Session 'a/b' not found");
    const faces = encodeURIComponent('😀'.repeat(70));
    for (const [kind, target] of [['Session', 'sessions'], ['Agent', 'agents'], ['Agent', 'health'], ['Call', 'calls']]) {
      expect((await send('GET', `/api/vps/${String(target)}/${faces}`)).body['detail']).toBe(`${String(kind)} '${'😀'.repeat(64)}' not found`);
    }
    expect((await post('call', JSON.stringify({ agent_name: `a${'😀'.repeat(100)}`, prompt: 'p' }))).body['error']).toContain(`Agent 'a${'😀'.repeat(63)}' not registered`);
  });

  it('ignores what it does not know, and every body of a route without one', async () => {
    expect((await send('GET', '/api/vps/calls?unknown=1&unknown=2&__proto__[x]=1')).status).toBe(200);
    expect((await send('GET', '/api/vps/agents', JSON_BODY, '{')).status).toBe(200);
    for (const [type, body] of [['application/json', ''], ['application/json', '{'], ['text/xml', '<x>']] as const) {
      expect((await send('POST', `/api/vps/health/${name}/reset`, { ...KEY, 'Content-Type': type }, body)).status).toBe(200);
      expect((await send('POST', '/api/vps/sessions/cleanup', { ...KEY, 'Content-Type': type }, body)).status).toBe(200);
      expect(verdict(await send('DELETE', '/api/vps/agents/nobody', { ...KEY, 'Content-Type': type }, body))).toEqual([404, 'agent_not_found']);
      expect(verdict(await send('DELETE', '/api/vps/sessions/nobody', { ...KEY, 'Content-Type': type }, body))).toEqual([404, 'session_not_found']);
    }
  });

  it.each([
    ['GET /api/vps/agents HTTP/9.9\r\n\r\n', 400],
    ['FOO /api/vps/agents HTTP/1.1\r\nHost: x\r\n\r\n', 400],
    [`GET /api/vps/agents HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`, 431],
    ['POST /api/vps/call HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n', 400],
  ])('%j is no request at all', async (text, status) => {
    const answer = await sendRaw(url, text);
    expectShape(answer);
    expect(answer.status).toBe(status);
  });

  it('takes a correlation id that is well formed, and makes one for any other', async () => {
    expect((await send('GET', '/api/vps/agents', { ...KEY, 'X-Correlation-Id': 'Ab-9._' })).headers['x-correlation-id']).toBe('Ab-9._');
    for (const bad of ['a b', 'x'.repeat(129), 'ü', '']) {
      const { headers } = await send('GET', '/api/vps/agents', { ...KEY, 'X-Correlation-Id': bad });
      expect(headers['x-correlation-id']).toMatch(/^[0-9a-f-]{36}$/);
    }
  });
});

describe('bodies', () => {
  it.each<[name: string, body: string | Buffer, status: number, code: string, ...headers: Readonly<Record<string, string>>[]]>([
    ['nothing', '', 400, 'malformed_json'],
    ['white space', '  ', 400, 'malformed_json'],
    ['nothing but a byte order mark', '\ufeff', 400, 'malformed_json'],
    ['a byte order mark, which is ignored', '\ufeff{}', 422, 'validation_failed'],
    ['something after the end', '{}x', 400, 'malformed_json'],
    ['NaN', '{"deadline_seconds":NaN}', 400, 'malformed_json'],
    ['bytes that are no UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 400, 'malformed_json'],
    ['__proto__ somewhere inside', '{"metadata":{"a":[{"__proto__":1}]}}', 400, 'malformed_json'],
    ['__proto__ in disguise', '{"\\u005f_proto__":1}', 400, 'malformed_json'],
    ['constructor.prototype', '{"metadata":{"constructor":{"prototype":{}}}}', 400, 'malformed_json'],
    ['a hundred thousand brackets', '['.repeat(99_999), 422, 'validation_failed'],
    ['no content type', '{}', 415, 'unsupported_media_type', KEY],
    ['another content type', '{}', 415, 'unsupported_media_type', { ...KEY, 'Content-Type': 'text/plain' }],
    ['a content type that begins alike', '{}', 415, 'unsupported_media_type', { ...KEY, 'Content-Type': 'application/jsonx' }],
    ['more than it may', `{"prompt":"${'x'.repeat(100_000)}"}`, 413, 'too_large'],
  ])('%s', async (_name, body, status, code, ...[headers]) => {
    for (const route of ['call', 'call/async', 'call/stream', 'register']) {
      const answer = await post(route, body, headers ?? JSON_BODY);
      expectShape(answer);
      expect(verdict(answer)).toEqual([status, code]);
    }
  });

  it('an import may be larger than other bodies, and no larger than its own limit', async () => {
    const file = (size: number) => `{"sessions":{}${' '.repeat(size)}}`;
    expect((await post('sessions/import', file(150_000))).body).toEqual({ imported: 0 });
    expect(verdict(await post('sessions/import', file(200_000)))).toEqual([413, 'too_large']);
  });

  it('nests up to 64 levels', async () => {
    const nested = (levels: number) => call(`,"metadata":{"a":${'['.repeat(levels - 2)}${']'.repeat(levels - 2)}}`);
    expect((await nested(64)).status).toBe(200);
    expect(verdict(await nested(65))).toEqual([422, 'validation_failed']);
  });

  it.each<[string, string, string[]]>([
    ['wrong types', '"agent_name":5,"prompt":true,"session_id":1,"user_id":[],"metadata":[],"include_history":"true","deadline_seconds":"5"', ['agent_name', 'prompt', 'session_id', 'user_id', 'metadata', 'include_history', 'deadline_seconds']],
    ['other wrong types', '"agent_name":{},"prompt":[],"session_id":{},"user_id":false,"metadata":"x","include_history":1,"deadline_seconds":true', ['agent_name', 'prompt', 'session_id', 'user_id', 'metadata', 'include_history', 'deadline_seconds']],
    ['required fields that are null', '"agent_name":null,"prompt":null', ['agent_name', 'prompt']],
    ['empty texts', '"agent_name":"","prompt":"","session_id":"","user_id":""', ['agent_name', 'prompt', 'session_id', 'user_id']],
    ['half a surrogate pair', '"agent_name":"\\ud800","prompt":"\\udc00","session_id":"\\ud800","user_id":"a\\udfff","metadata":{"\\ud800":1}', ['agent_name', 'prompt', 'session_id', 'user_id', 'metadata']],
    ['control characters', '"agent_name":"a","prompt":"p","session_id":"a\\u0000","user_id":"a\\u007f","metadata":{"a":[{"\\u0000":1}]}', ['session_id', 'user_id', 'metadata']],
    ['too much', `"agent_name":"${'a'.repeat(257)}","prompt":"p","session_id":"${'😀'.repeat(257)}","metadata":{"a":"${'x'.repeat(65_530)}"}`, ['agent_name', 'session_id', 'metadata']],
    ...['.', '..', '__proto__', 'cleanup', 'export', 'import'].map((id): [string, string, string[]] => [`session ${id}`, `"agent_name":"a","prompt":"p","session_id":"${id}"`, ['session_id']]),
    ...['0', '0.999', '3600.001', '1e400', '-1', '-0', '1e-400'].map((seconds): [string, string, string[]] => [`deadline ${seconds}`, `"agent_name":"a","prompt":"p","deadline_seconds":${seconds}`, ['deadline_seconds']]),
  ])('a call with %s', async (_name, fields, refused) => {
    for (const route of ['call', 'call/async', 'call/stream']) {
      const answer = await post(route, `{${fields}}`);
      expectShape(answer);
      expect([...verdict(answer), fieldsOf(answer)]).toEqual([422, 'validation_failed', refused]);
    }
  });

  it.each([
    ['nulls', ',"session_id":null,"user_id":null,"metadata":null,"include_history":null,"deadline_seconds":null'],
    ['fields that nobody knows', ',"temperature":{"x":"\\ud800"},"stream":5'],
    ['the largest session id', `,"session_id":"${'😀'.repeat(256)}"`],
    ['the longest deadline', ',"deadline_seconds":3600'],
    ['the shortest deadline', ',"deadline_seconds":1'],
    ['the largest metadata', `,"metadata":{"a":"${'x'.repeat(65_528)}"}`],
    ['odd keys', ',"session_id":"odd","metadata":{"constructor":1,"prototype":2,"$where":3,"a.b":4,"":{"$ref":"x","$id":1},"hasOwnProperty":5}'],
  ])('a call with %s is made', async (_name, fields) => {
    expect((await call(fields)).body).toMatchObject({ success: true, response: 'ok' });
  });

  it('keeps texts exactly', async () => {
    const sessionId = 'exact \u2028/?#%\u{1F600}';
    const prompt = ' \u0000\r\n\t\u{1F600}\ufeff ';
    await two.one.call(name, { session_id: sessionId, prompt, metadata: { constructor: 1, toString: '\u0000', n: 1.0e21 } });
    const { body } = await two.other.get(`/api/vps/sessions/${encodeURIComponent(sessionId)}`);
    expect(body).toMatchObject({ session_id: sessionId, messages: [{ content: prompt }, {}], metadata: { constructor: 1, toString: '\u0000', n: 1.0e21 } });
  });

  it.each(['', ' ', 'x'.repeat(256), 'ü', 'a\tb'])('%j is no idempotency key', async (key) => {
    for (const route of ['call', 'call/async', 'call/stream']) {
      const answer = await post(route, `{"agent_name":"${name}","prompt":"p"}`, { ...JSON_BODY, 'Idempotency-Key': key });
      expect([...verdict(answer), fieldsOf(answer)]).toEqual([422, 'validation_failed', ['Idempotency-Key']]);
    }
  });
});

describe('registrations', () => {
  const register = (over: object) => post('register', JSON.stringify({ name: 'r', host: 'h.example', port: 80, ...over }));

  it.each<[string, object, string[]]>([
    ['wrong types', { name: 5, host: 5, port: '5000', protocol: 5, auth_token: 5, timeout_seconds: '1', max_retries: true, fallback_agents: 'x', api: 'x', model: 5, streaming: 'true', retry_on: 'x', fallback_on: [5] }, ['name', 'host', 'port', 'protocol', 'fallback_agents', 'auth_token', 'timeout_seconds', 'max_retries', 'api', 'model', 'streaming', 'retry_on', 'fallback_on']],
    ['nothing', { name: null, host: null, port: null }, ['name', 'host', 'port']],
    ['half a port', { port: 80.5 }, ['port']],
    ['true for a port', { port: true }, ['port']],
    ['numbers below their limits', { port: 0, timeout_seconds: 0, max_retries: 0 }, ['port', 'timeout_seconds', 'max_retries']],
    ['numbers above their limits', { port: 65_536, timeout_seconds: 601, max_retries: 11 }, ['port', 'timeout_seconds', 'max_retries']],
    ['a token with a line break', { auth_token: 'a\r\nX: y' }, ['auth_token']],
    ['a token too long', { auth_token: 'x'.repeat(4097) }, ['auth_token']],
    ['a name that ends in a line break', { name: 'x\n' }, ['name']],
    ['a name too long', { name: 'x'.repeat(129) }, ['name']],
    ['too many fallbacks', { fallback_agents: Array.from({ length: 17 }, (_, n) => `a${n}`) }, ['fallback_agents']],
    ['a fallback that is no name', { fallback_agents: ['a b'] }, ['fallback_agents']],
    ['an unknown failure', { retry_on: ['timeouts'], fallback_on: ['constructor'] }, ['retry_on', 'fallback_on']],
    ['too many failures', { retry_on: Array.from({ length: 21 }, () => '503') }, ['retry_on']],
    ['no model', { model: '' }, ['model']],
    ['half a surrogate pair', { protocol: '\ud800', model: '\udc00' }, ['protocol', 'model']],
    ['a cluster, which this bridge does not serve yet', { cluster_id: '8f14e45f-ceea-467f-9f12-1234567890ab', host: undefined, port: undefined }, ['cluster_id']],
    ['a service without a cluster', { service: 'a/b:1', path_prefix: '/x' }, ['service', 'path_prefix']],
  ])('%s', async (_name, over, refused) => {
    const answer = await register(over);
    expectShape(answer);
    expect([...verdict(answer), fieldsOf(answer).sort()]).toEqual([422, 'validation_failed', [...refused].sort()]);
  });

  it.each([['ftp'], ['grpc'], ['HTTP'], ['']])('protocol %j', async (protocol) => {
    expect((await register({ protocol })).body).toMatchObject({ code: 'invalid_protocol', detail: `Invalid protocol: ${protocol}` });
  });

  it('takes null for absent, and an empty token for none', async () => {
    const optional = ['protocol', 'auth_token', 'timeout_seconds', 'max_retries', 'fallback_agents', 'api', 'model', 'streaming', 'retry_on', 'fallback_on', 'cluster_id', 'service', 'path_prefix'];
    expect((await register(Object.fromEntries(optional.map((field) => [field, null])))).status).toBe(201);
    expect((await register({ auth_token: '', retry_on: [], fallback_on: ['http_503', '4xx', 'TIMEOUT', 'refused', '503'], path_prefix: '' })).status).toBe(201);
    expect((await send('GET', '/api/vps/agents/r')).body).toMatchObject({ has_auth_token: false, model: 'r', retry_on: [], fallback_on: ['http_503', '4xx', 'TIMEOUT', 'refused', '503'], protocol: 'http' });
  });

  it('of twenty simultaneous registrations of one name one record is left, and one of them made it', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => (n % 2 === 0 ? two.one : two.other).register('racer', 1000 + n)));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 201));
    expect(answers.filter(({ body }) => body['created'] === true)).toHaveLength(1);
    expect(await two.database.db.collection('vps_agents').countDocuments({ name: 'racer' })).toBe(1);
    expect(await two.database.db.collection('vps_agent_health').countDocuments({ name: 'racer' })).toBe(1);
  });
});

describe('imports', () => {
  const session = (over: object) => ({ session_id: 's', user_id: 'u', created_at: '2026-01-01T00:00:00Z', messages: [], ...over });
  const message = (over: object) => ({ messages: [{ role: 'user', content: 'x', timestamp: '2026-01-01T00:00:00Z', ...over }] });

  it.each<[string, object, string]>([
    ['another id than its key', { session_id: 'x' }, 'sessions.s.session_id'],
    ['no user', { user_id: '' }, 'sessions.s.user_id'],
    ['no messages', { messages: undefined }, 'sessions.s.messages'],
    ['a day that no calendar has', { created_at: '2026-02-30T00:00:00Z' }, 'sessions.s.created_at'],
    ['an hour that no clock has', { last_activity: '2026-02-03T24:00:00Z' }, 'sessions.s.last_activity'],
    ['metadata that is a list', { metadata: [] }, 'sessions.s.metadata'],
    ['a message that is null', { messages: [null] }, 'sessions.s.messages[0]'],
    ['an unknown role', message({ role: 'tool' }), 'sessions.s.messages[0].role'],
    ['content that is a number', message({ content: 5 }), 'sessions.s.messages[0].content'],
    ['half a surrogate pair', message({ content: '\ud800' }), 'sessions.s.messages[0].content'],
    ['a time without a date', message({ timestamp: '21:30' }), 'sessions.s.messages[0].timestamp'],
    ['an agent that is a number', message({ agent: 5 }), 'sessions.s.messages[0].agent'],
  ])('%s', async (_name, over, field) => {
    const answer = await post('sessions/import', JSON.stringify({ sessions: { good: { ...session({}), session_id: 'good' }, s: session(over) } }));
    expectShape(answer);
    expect([...verdict(answer), fieldsOf(answer)]).toEqual([422, 'validation_failed', [field]]);
    expect((await send('GET', '/api/vps/sessions/good')).status).toBe(404);
  });

  it('ids that could not exist are named without half a character', async () => {
    expect(fieldsOf(await post('sessions/import', '{"sessions":{"\\ud800":{}}}'))).toEqual(['sessions.\ufffd']);
    expect(fieldsOf(await post('sessions/import', '{"sessions":{"export":{}}}'))).toEqual(['sessions.export']);
    for (const sessions of ['null', '[]', '5', '"x"']) expect(fieldsOf(await post('sessions/import', `{"sessions":${sessions}}`))).toEqual(['sessions']);
  });

  it('cuts microseconds, and takes times without a zone for UTC', async () => {
    const file = { sessions: { old: { ...session({ created_at: '2026-02-18T21:30:00.123456', last_activity: '2026-02-18T22:30:00+01:00' }), session_id: 'old' } } };
    expect((await post('sessions/import', JSON.stringify(file))).body).toEqual({ imported: 1 });
    expect((await send('GET', '/api/vps/sessions/old')).body).toMatchObject({ created_at: '2026-02-18T21:30:00.123Z', last_activity: '2026-02-18T21:30:00.000Z', metadata: {}, total_messages: 0 });
  });
});
