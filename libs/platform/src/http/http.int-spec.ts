import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { bootReplicas, HttpCaller, waitFor, type FixtureKey, type HttpAnswer, type HttpOptions, type IdentityFixtures, type Replicas } from '@agentfleet/testing';
import { bootApp, type RunningApp } from '../boot-app';
import { probeApp } from '../probe-app.fixture';
import { LINGER_MS } from './unread-bodies';

let fleet: Replicas<typeof probeApp, RunningApp>;
let running: RunningApp;
let identity: IdentityFixtures;
let writer: FixtureKey;
const lines: string[] = [];

const PAGE = 'http://dashboard.example:8080';

beforeAll(async () => {
  fleet = await bootReplicas((definition, { env }) => bootApp(definition, { env, logDestination: { write: (line: string) => void lines.push(line) } }), probeApp, 1, { CORS_ORIGINS: PAGE });
  running = fleet.first;
  ({ identity } = fleet);
  writer = await identity.apiKey({ scopes: ['agents:write'] });
});
afterAll(() => fleet.close());

/** What answers here is JSON or nothing. */
async function ask(method: string, path: string, options?: HttpOptions): Promise<HttpAnswer> {
  const answer = await fleet.http().ask(method, path, options);
  if (answer.text !== '') JSON.parse(answer.text);
  return answer;
}

const THING = JSON.stringify({ name: 'a', size: 1, tags: [] });

describe('pages of other origins', () => {
  test('read every answer, refusals before the body too, when their origin is allowed', async () => {
    for (const [path, headers] of [['/p/me', {}], ['/p/me', writer.headers], ['/p/nowhere', {}], ['/elsewhere', {}]] as const) {
      const answer = await ask('GET', path, { headers: { ...headers, Origin: PAGE } });
      expect([path, answer.headers.get('access-control-allow-origin')]).toEqual([path, PAGE]);
      expect(answer.headers.get('content-security-policy')).toContain("default-src 'self'");
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
      expect(answer.headers.get('x-correlation-id')).not.toBeNull();
    }
  });

  test('may ask first, without credentials', async () => {
    const answer = await ask('OPTIONS', '/p/things', { headers: { Origin: PAGE, 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'authorization' } });
    expect(answer.status).toBe(204);
    expect(answer.headers.get('access-control-allow-origin')).toBe(PAGE);
    expect(answer.headers.get('access-control-allow-methods')).toContain('DELETE');
  });

  test('get no such header otherwise', async () => {
    const answer = await ask('GET', '/p/me', { headers: { ...writer.headers, Origin: 'http://elsewhere.example' } });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('access-control-allow-origin')).toBeNull();
  });
});

describe('the log line of a refused request', () => {
  test('carries the code, the caller and ids of the path, and no other text of the path', async () => {
    const logged = await fleet.boot({ LOG_LEVEL: 'info' });
    const http = new HttpCaller(logged.url, writer.headers);
    const id = '0123456789abcdef01234567';
    for (const path of [`/p/items/${id}/nothing`, `/p/refused/${id}`, '/p/refused/afk_secret']) await http.get(path);
    await http.with({}).get('/p/me');
    const found = () => lines.filter((line) => line.includes('"Request"')).map((line): Record<string, unknown> => JSON.parse(line));
    await waitFor('four lines', () => found().length === 4);
    const caller = { kind: 'key', id: writer.id };
    expect(found()).toMatchObject([
      { status: 404, error: 'route_not_found', caller },
      { status: 409, error: 'busy', caller, params: { id } },
      { status: 409, error: 'busy', caller },
      { status: 401, error: 'unauthenticated' },
    ]);
    expect(lines.join()).not.toContain('secret');
    expect(found()[3]).not.toHaveProperty('caller');
    await fleet.stop(logged);
  });
});

describe('with AUTH_MODE=off', () => {
  test('pages of other origins and foreign names of this machine are refused on every method', async () => {
    const local = await fleet.boot({ AUTH_MODE: 'off' });
    const status = (method: string, path: string, headers: Record<string, string>) =>
      new Promise<number | undefined>((resolve, reject) => {
        const asked = request(`${local.url}${path}`, { method, headers }, (response) => {
          response.resume();
          resolve(response.statusCode);
        });
        asked.on('error', reject);
        asked.end();
      });
    const foreign: readonly Record<string, string>[] = [
      { Origin: 'http://evil.example' },
      { Origin: 'null' },
      { Host: 'evil.example' },
      { Host: `evil.example:${local.port}`, Origin: `http://evil.example:${local.port}` },
    ];
    for (const [method, path] of [['GET', '/p/me'], ['POST', '/p/nobody'], ['HEAD', '/p/me'], ['GET', '/p/query'], ['GET', '/p/items/%zz']] as const) {
      const own = await status(method, path, {});
      expect([method, path, own]).toEqual([method, path, path === '/p/items/%zz' ? 400 : 200]);
      expect([method, path, await status(method, path, { Origin: local.url })]).toEqual([method, path, own]);
      expect([method, path, await status(method, path, { Origin: PAGE })]).toEqual([method, path, own]);
      for (const headers of foreign) {
        expect([method, path, headers, await status(method, path, headers)]).toEqual([method, path, headers, 403]);
      }
    }
    await fleet.stop(local);
  });
});

describe('credentials come before everything else', () => {
  test.each([
    ['broken JSON', '/p/things', '{'],
    ['unknown path', '/p/nowhere', '{'],
    ['a fine body', '/p/things', THING],
  ])('%s without credentials is 401', async (_name, path, body) => {
    const answer = await ask('POST', path, { raw: body });
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    expect(answer.body['code']).toBe('unauthenticated');
  });

  test('bad percent-encoding: 401 without, 400 with credentials', async () => {
    expect((await ask('GET', '/p/items/%zz')).status).toBe(401);
    expect((await ask('GET', '/p/items/%zz', { headers: writer.headers })).status).toBe(400);
  });

  test('unknown paths outside the prefix are a plain 404', async () => {
    expect((await ask('GET', '/elsewhere')).status).toBe(404);
  });

  test('a key of the wrong scope is 403, of the right one 200', async () => {
    const reader = await identity.apiKey({ scopes: ['agents:read'] });
    expect((await ask('POST', '/p/things', { raw: '{', headers: reader.headers })).status).toBe(403);
    expect((await ask('POST', '/p/things', { raw: THING, headers: writer.headers })).status).toBe(200);
  });

  test.each([['Basic abc'], ['Bearer'], ['Bearer  '], ['afk_abcdefghijklmnopqrstuvwxyz'], ['Bearer afk_abcdefghijklmnopqrstuvwxyz'], ['Bearer a.b.c']])(
    'Authorization "%s" is 401',
    async (value) => {
      expect((await ask('GET', '/p/me', { headers: { Authorization: value } })).status).toBe(401);
    },
  );

  test('a non-empty X-API-Key wins over Authorization', async () => {
    const wrong = await ask('GET', '/p/me', { headers: { ...writer.headers, 'X-API-Key': 'nonsense' } });
    expect(wrong.status).toBe(401);
    const empty = await ask('GET', '/p/me', { headers: { ...writer.headers, 'X-API-Key': '' } });
    expect(empty.body).toMatchObject({ kind: 'key', id: writer.id });
  });

  test('static keys, users and agents are told apart', async () => {
    const user = await identity.user({ roles: ['organization.viewer'] });
    const agent = await identity.agentToken({ agentId: '0123456789abcdef01234567' });
    expect((await ask('GET', '/p/me', { headers: { 'X-API-Key': 'a-static-key-of-the-probe' } })).body).toMatchObject({ id: 'static:probe', scopes: ['agents:read'] });
    expect((await ask('GET', '/p/me', { headers: user.headers })).body).toMatchObject({ kind: 'user', id: user.id, orgId: user.orgId });
    expect((await ask('GET', '/p/me', { headers: { Authorization: `Bearer ${agent}` } })).body).toMatchObject({ kind: 'agent', scopes: ['agent:self'] });
  });

  test('universe.owner acts in the organization that the header names; for others the header means nothing', async () => {
    const orgId = await identity.organization();
    const owner = await identity.user({ roles: ['universe.owner'] });
    const viewer = await identity.user({ roles: ['organization.viewer'] });
    const header = { 'X-Organization-Id': orgId };
    expect((await ask('GET', '/p/me', { headers: owner.headers })).body).toMatchObject({ allOrganizations: true });
    expect((await ask('GET', '/p/me', { headers: { ...owner.headers, ...header } })).body).toMatchObject({ orgId, allOrganizations: false });
    expect((await ask('GET', '/p/me', { headers: { ...viewer.headers, ...header } })).body).toMatchObject({ orgId: viewer.orgId });
    expect((await ask('GET', '/p/me', { headers: { ...owner.headers, 'X-Organization-Id': 'x' } })).status).toBe(400);
    expect((await ask('GET', '/p/me', { headers: { ...owner.headers, 'X-Organization-Id': 'f'.repeat(24) } })).status).toBe(404);
  });

  test('unsigned, foreign and expired tokens are 401', async () => {
    const user = await identity.user({ roles: ['organization.viewer'] });
    const [, payload] = user.token.split('.');
    const none = `${Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url')}.${payload}.x`;
    const expired = await identity.sign({ iss: 'aiwm', aud: 'user', sub: user.id, tokenVersion: 1, exp: 1 });
    const otherIssuer = await identity.sign({ iss: 'else', aud: 'user', sub: user.id, tokenVersion: 1, exp: 9_999_999_999 });
    for (const token of [none, expired, otherIssuer, user.token.slice(0, -10)]) {
      expect((await ask('GET', '/p/me', { headers: { Authorization: `Bearer ${token}` } })).status).toBe(401);
    }
  });

  test('a revoked key is refused at once when the notice arrives', async () => {
    const key = await identity.apiKey({ scopes: ['agents:read'] });
    expect((await ask('GET', '/p/me', { headers: key.headers })).status).toBe(200);
    await waitFor('the bus', () => running.services.bus.isUp);
    await identity.revokeApiKey(key.id);
    running.services.bus.notify('key.revoked', { orgId: key.orgId, keyId: key.id, at: new Date().toISOString() });
    await waitFor('the refusal', async () => (await ask('GET', '/p/me', { headers: key.headers })).status === 401, { timeoutMs: 2000 });
  });

  test("a key's own request limit is 429 with Retry-After", async () => {
    await waitFor('the bus', () => running.services.bus.isUp);
    const key = await identity.apiKey({ scopes: ['agents:read'], limits: { requestsPerMinute: 2 } });
    const answers = [];
    for (let i = 0; i < 6; i++) answers.push(await ask('GET', '/p/me', { headers: key.headers }));
    const limited = answers.filter((answer) => answer.status === 429);
    expect(limited.length).toBeGreaterThanOrEqual(2); // a minute may have begun in between
    expect(Number(limited[0]?.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
  });
});

describe('bodies', () => {
  const send = (body: string | Uint8Array<ArrayBuffer>, type?: string | null) => ask('POST', '/p/things', { raw: body, headers: writer.headers, ...(type === undefined ? {} : { type }) });

  test.each([['[]'], ['null'], ['5'], ['"x"'], ['{'], ['{"a":1}{'], ['{"__proto__":{}}'], ['{"\\u005f_proto__":{}}'], ['{"constructor":{"prototype":{}}}'], ['['.repeat(200_000).slice(0, 9000)]])(
    '%#: malformed text is 400',
    async (body) => {
      const answer = await send(body);
      expect([answer.status, answer.body['code']]).toEqual([400, 'malformed_json']);
    },
  );

  test('bytes that are no UTF-8 are 400', async () => {
    expect((await send(new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]))).status).toBe(400);
  });

  test('every refused field is named, without its value', async () => {
    const answer = await send(JSON.stringify({ name: 5, size: '3', tags: ['a', 7, 'c'], extra: true }));
    expect(answer.status).toBe(400);
    const fields = (answer.body['problems'] as { field: string; message: string }[]).map(({ field }) => field);
    expect(new Set(fields)).toEqual(new Set(['name', 'size', 'tags']));
    expect(JSON.stringify(answer.body)).not.toContain('"3"');
  });

  test('other types are 415, over the limit is 413, per route too', async () => {
    expect((await send('a=1', 'application/x-www-form-urlencoded')).status).toBe(415);
    expect((await send('text', 'text/plain')).status).toBe(415);
    expect((await send(JSON.stringify({ name: 'x'.repeat(20_000) }))).status).toBe(413);
    expect((await ask('POST', '/p/small', { raw: '{"a":"12345"}', headers: writer.headers })).status).toBe(413);
  });

  test('routes without a body ignore whatever comes', async () => {
    for (const [body, type] of [['', 'application/json'], ['{', 'application/json'], ['x', 'text/plain']] as const) {
      expect((await ask('POST', '/p/nobody', { raw: body, type, headers: writer.headers })).body).toEqual({ body: true });
    }
  });
});

describe('answers', () => {
  test('a bug is a constant 500 with an id, nothing of its text', async () => {
    const answer = await ask('GET', '/p/bug');
    expect(answer.status).toBe(500);
    expect(answer.body['errorId']).toMatch(/^[0-9a-f]{16}$/);
    expect(JSON.stringify(answer.body)).not.toContain('secret');
  });

  test('a correlation id comes in and goes out; a malformed one is replaced', async () => {
    const given = await ask('GET', '/p/bug', { headers: { 'X-Correlation-Id': 'abc.1-2_3' } });
    expect(given.headers.get('x-correlation-id')).toBe('abc.1-2_3');
    expect(given.body['correlationId']).toBe('abc.1-2_3');
    const replaced = await ask('GET', '/p/bug', { headers: { 'X-Request-Id': 'two words' } });
    expect(replaced.headers.get('x-correlation-id')).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('nested query parameters are read', async () => {
    expect((await ask('GET', '/p/query?filter[name]=a&sort[createdAt]=-1')).body).toEqual({ filter: { name: 'a' }, sort: { createdAt: '-1' } });
  });

  test('long parameters and NUL bytes reach the handler', async () => {
    expect((await ask('GET', `/p/items/${'x'.repeat(2000)}`, { headers: writer.headers })).status).toBe(200);
    expect((await ask('GET', '/p/items/%00', { headers: writer.headers })).body).toEqual({ id: '\0' });
  });

  test.each([
    ['a wrong version', 'FOO / HTTP/9\r\n\r\n'],
    ['no Host', 'GET /health HTTP/1.1\r\nConnection: close\r\n\r\n'],
  ])('what is no HTTP is answered in the same dialect: %s', async (_what, request) => {
    const text = await new Promise<string>((resolve) => {
      const socket = connect(running.port, '127.0.0.1', () => socket.write(request));
      let all = '';
      socket.on('data', (data) => (all += data.toString()));
      socket.on('close', () => resolve(all));
    });
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    expect(text).toMatch(/^x-correlation-id: [0-9a-f-]{36}\r$/im);
    expect(text).toContain('malformed_request');
  });

  test('OPTIONS that is no preflight is no error', async () => {
    expect((await ask('OPTIONS', '/p/things')).status).toBe(204);
  });

  test('Swagger UI, the document and metrics are served', async () => {
    const page = await fleet.http().get('/api-docs');
    expect([page.status, page.headers.get('content-type')]).toEqual([200, expect.stringMatching(/^text\/html/)]);
    const document = await ask('GET', '/api-docs-json');
    expect(Object.keys(document.body['paths'] as object)).toContain('/p/things');
    expect((await fleet.http().get('/metrics')).text).toContain('http_request_duration_seconds_bucket');
  });
});

test('the page of the API fits a phone, and its document names this server', async () => {
  expect((await fleet.http().get('/api-docs')).text).toContain('<meta name="viewport" content="width=device-width, initial-scale=1">');
  expect((await ask('GET', '/api-docs-json')).body).toMatchObject({ servers: [{ url: '/' }], info: { license: { name: 'Apache-2.0' } } });
});

test('what the server of static files refuses is its caller\'s fault, not ours', async () => {
  expect((await ask('GET', '/api-docs/swagger-ui.css', { headers: { Range: 'bytes=999999999-' } })).status).toBe(416);
  const raw = await new Promise<string>((resolve) => {
    const socket = connect(running.port, '127.0.0.1', () => socket.write('GET /api-docs/../../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'));
    let text = '';
    socket.on('data', (data) => (text += data.toString()));
    socket.on('close', () => resolve(text));
  });
  expect(raw).toMatch(/^HTTP\/1\.1 404 [\s\S]*"code":"route_not_found"/);
});

describe('a body that nobody reads', () => {
  const CHUNK = 'x'.repeat(64 * 1024);

  /** Sends the body bit by bit and does not look at the answer before its end, as simple clients do. */
  async function sendSlowly(path: string, headers: readonly string[], chunks: number): Promise<{ text: string; socket: Socket; error: Error | undefined }> {
    const socket = connect(running.port, '127.0.0.1');
    let [text, error] = ['', undefined as Error | undefined];
    socket.on('data', (data) => (text += data.toString()));
    socket.on('error', (cause) => (error = cause));
    socket.write(['POST /p/' + path + ' HTTP/1.1', 'Host: x', 'Content-Type: application/json', ...headers, '', ''].join('\r\n'));
    const isChunked = headers.some((header) => header.startsWith('Transfer-Encoding'));
    for (let sent = 0; sent < chunks && !socket.destroyed; sent++) {
      socket.write(isChunked ? `${CHUNK.length.toString(16)}\r\n${CHUNK}\r\n` : CHUNK);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    if (isChunked) socket.write('0\r\n\r\n');
    return { text: await waitFor('the answer', () => text), socket, error };
  }

  test.each([
    ['without credentials', 401, 'things', () => [`Content-Length: ${40 * CHUNK.length}`]],
    ['without credentials, of unknown length', 401, 'things', () => ['Transfer-Encoding: chunked']],
    ['larger than the app takes', 413, 'things', () => [`X-API-Key: ${writer.key}`, `Content-Length: ${40 * CHUNK.length}`]],
    ['larger than the app takes, of unknown length', 413, 'things', () => [`X-API-Key: ${writer.key}`, 'Transfer-Encoding: chunked']],
    ['without credentials, to a route that streams', 401, 'streamed', () => [`Content-Length: ${40 * CHUNK.length}`]],
  ])('does not cost its sender the answer, nor the connection: %s', async (_what, status, path, headers) => {
    const { text, socket, error } = await sendSlowly(path, headers(), 40);
    expect([error, text.slice(0, 12)]).toEqual([undefined, `HTTP/1.1 ${status}`]);
    let next = '';
    socket.on('data', (data) => (next += data.toString()));
    socket.write('GET /p/query HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    await waitFor('the end', () => socket.destroyed);
    expect(next).toMatch(/^HTTP\/1\.1 200 /);
  });

  test('a sender that wants no further request gets its answer and the end of the connection, after the body', async () => {
    const { text, socket, error } = await sendSlowly('things', ['Connection: close', `Content-Length: ${40 * CHUNK.length}`], 40);
    await waitFor('the end', () => socket.destroyed);
    expect([error, text.slice(0, 12)]).toEqual([undefined, 'HTTP/1.1 401']);
  });

  test('a sender without end is cut off', async () => {
    const { text, socket } = await sendSlowly('things', ['Transfer-Encoding: chunked'], 2 * (LINGER_MS / 10));
    expect([text.slice(0, 12), socket.destroyed]).toEqual(['HTTP/1.1 401', true]);
  }, 30_000);
});

describe('a route that streams its bodies', () => {
  const post = (body: string | undefined, type: string | null) => ask('POST', '/p/streamed', { ...(body === undefined ? {} : { raw: body }), type, headers: writer.headers });

  test.each([
    ['JSON that is none', '{broken', 'application/json'],
    ['of a type that nobody parses', 'x', 'application/x-tar; a="b"'],
    ['larger than the app takes', 'x'.repeat(3_000_000), 'text/plain;charset=UTF-8'],
  ])('takes what comes as it is: %s', async (_name, body, type) => {
    const answer = await post(body, type);
    expect([answer.status, answer.body]).toEqual([200, { type, bytes: body.length, hasBody: true }]);
  });

  test('has no body where none comes, no page headers of ours, and credentials before everything', async () => {
    const empty = await post(undefined, null);
    expect([empty.status, empty.body]).toEqual([200, { bytes: 0, hasBody: false }]);
    expect(empty.headers.get('content-security-policy')).toBeNull();
    expect(empty.headers.get('x-correlation-id')).not.toBeNull();
    expect((await ask('GET', '/p/query', {})).headers.get('content-security-policy')).not.toBeNull();
    const refused = await ask('POST', '/p/streamed', { raw: 'x'.repeat(100_000), type: 'text/plain' });
    expect([refused.status, refused.headers.get('content-security-policy')]).toEqual([401, expect.any(String)]); // an answer of our own
  });
});
