import { openApiOf } from '@agentfleet/platform';
import { aiwmApp } from './app';
import { SMALL_BODY_BYTES } from './limits/small-body';
import { isPlainObject } from './resources/validation';
import { aiwmStack, type Client, type Stack } from './testing-client.fixture';

/** Routes that take no more than a credential. */
const SMALL = /\/(?:connect|disconnect|login|refresh-token|logout|change-password)$/;
const SECRET = 'a secret of its own';
let stack: Stack;
let anonymous: Client;
let admin: Client;
let agent: Client;
let id: string;
/** Every route that takes a body, with ids that exist as far as that matters. */
let routes: { method: string; path: string; caller: Client }[];

beforeAll(async () => {
  stack = await aiwmStack();
  ({ client: anonymous } = await stack.boot());
  admin = await anonymous.login();
  id = await admin.create('/agents', { name: 'Attacked', secret: SECRET });
  const { body } = await anonymous.post(`/agents/${id}/connect`, { secret: SECRET });
  agent = anonymous.with({ Authorization: `Bearer ${String(body['token'])}` });
  const { paths } = await openApiOf(aiwmApp);
  routes = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).flatMap(([method, operation]) => {
      if (!isPlainObject(operation) || operation['requestBody'] === undefined) return [];
      const caller = /heartbeat|disconnect/.test(path) ? agent : admin;
      return [{ method: method.toUpperCase(), path: path.replace('{id}', id), caller }];
    }),
  );
});
afterAll(() => stack.close());

const nested = (levels: number, open: string, inside: string, close: string) => open.repeat(levels) + inside + close.repeat(levels);

test('every kind of route with a body is in the list', () => {
  const found = routes.map(({ method, path }) => `${method} ${path.replace(id, ':id')}`);
  for (const wanted of ['POST /agents', 'PUT /tools/:id', 'PATCH /nodes/:id', 'POST /agents/:id/connect', 'POST /agents/:id/heartbeat', 'POST /auth/login', 'POST /agents/:id/credentials/regenerate', 'POST /api-keys/:id/rotate']) {
    expect(found).toContain(wanted);
  }
});

test('bodies of 20,000 levels are 400 on every route, and the process survives', async () => {
  const bodies = [`{"settings":${nested(20_000, '[', '', ']')}}`, nested(20_000, '{"a":', '1', '}'), nested(20_000, '[', '1', ']')];
  for (const { method, path, caller } of routes) {
    for (const body of bodies.filter(({ length }) => length < 64_000 || !path.endsWith('heartbeat'))) {
      const answer = await caller.ask(method, path, body);
      const expected = SMALL.test(path) && body.length > SMALL_BODY_BYTES ? [413, 'PAYLOAD_TOO_LARGE'] : [400, 'MALFORMED_JSON'];
      expect([method, path, answer.status, answer.body['code']]).toEqual([method, path, ...expected]);
    }
  }
  expect((await anonymous.get('/health/live')).body).toEqual({ status: 'ok' });
}, 30_000);

test('lone surrogates, which would read back as other characters, are 400; in settings they are kept exactly', async () => {
  const agent = (body: string) => admin.ask('POST', '/agents', body);
  for (const body of ['{"name":"x \\ud800 y"}', '{"name":"x","tags":["\\udc00"]}', '{"name":"x","description":"\\ud83d"}']) {
    const { status, body: error } = await agent(body);
    expect([body, status, error['code'], String(error['errors'])]).toEqual([body, 400, 'VALIDATION_FAILED', expect.stringContaining('must not have lone surrogates')]);
  }
  expect((await admin.ask('POST', '/nodes', '{"name":"n","role":["worker"],"location":{"a":{"\\ud800":1}}}')).status).toBe(400);
  const kept = await agent('{"name":"\\ud83d\\ude00","settings":{"odd":"\\ud800"}}');
  expect([kept.status, kept.body['name']]).toEqual([201, '😀']);
  expect((await admin.get(`/agents/${String(kept.body['_id'])}`)).body['settings']).toEqual({ odd: '\ud800' });
});

test('a number that would lose digits is refused by its path in every free object; as text it reads back exactly', async () => {
  const CHANNEL = '1090123456789012345';
  const tool = (schema: string) => `{"name":"t","type":"builtin","description":"d","category":"data","schema":${schema}}`;
  for (const number of [CHANNEL, '9007199254740993', '1e400', '-1e999', '1700000000000000001']) {
    for (const [caller, method, path, body, field] of [
      [admin, 'POST', '/agents', `{"name":"a","settings":{"discord":{"channelIds":["1",${number}]}}}`, 'settings.discord.channelIds[1]'],
      [admin, 'PATCH', `/agents/${id}`, `{"settings":{"at":${number}}}`, 'settings.at'],
      [admin, 'POST', '/nodes', `{"name":"n","role":["worker"],"specs":{"memory":${number}}}`, 'specs.memory'],
      [admin, 'POST', '/nodes', `{"name":"n","role":["worker"],"location":{"a":{"b":${number}}}}`, 'location.a.b'],
      [admin, 'POST', '/tools', tool(`{"inputSchema":{"maximum":${number}},"outputSchema":{}}`), 'schema.inputSchema.maximum'],
      [agent, 'POST', `/agents/${id}/heartbeat`, `{"status":"online","metrics":{"ns":${number}}}`, 'metrics.ns'],
    ] as const) {
      const answer = await caller.ask(method, path, body);
      expect([path, number, answer.status, answer.body.errors]).toEqual([path, number, 400, [expect.stringContaining(`${field} `)]]);
      expect(String(answer.body.errors)).toContain('write it as text');
    }
  }
  const settings = { channel: CHANNEL, exact: 9007199254740991, half: 0.5, large: 1e300, zero: -0 };
  const made = await admin.create('/agents', { name: 'Exact', settings });
  expect((await admin.get(`/agents/${made}`)).body['settings']).toEqual({ ...settings, zero: 0 });
});

test('what is no JSON object, and poisoned keys, are 400 on every route', async () => {
  const bodies = ['[]', '"x"', 'null', '5', '{"a":', '{"name":"a\u0000b"}', '{"x":{"__proto__":{"role":"owner"}}}', '{"constructor":{"prototype":{}}}', '{"a":1}{"b":2}', '\u0000'];
  for (const { method, path, caller } of routes) {
    for (const body of bodies) {
      const answer = await caller.ask(method, path, body);
      expect([method, path, body, answer.status]).toEqual([method, path, body, 400]);
    }
  }
}, 30_000);

test('other content types are 415, bodies over the limit 413, with the one shape of errors', async () => {
  for (const { method, path, caller } of routes) {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/xml']) {
      const answer = await caller.ask(method, path, '{"name":"x"}', { 'Content-Type': type });
      expect([method, path, type, answer.status, answer.body['code']]).toEqual([method, path, type, 415, 'UNSUPPORTED_MEDIA_TYPE']);
    }
    const answer = await caller.ask(method, path, `{"x":"${'x'.repeat(path.endsWith('heartbeat') ? 66_000 : 1_050_000)}"}`);
    expect([method, path, answer.status, answer.body['code']]).toEqual([method, path, 413, 'PAYLOAD_TOO_LARGE']);
    expect(Object.keys(answer.body).sort()).toEqual(['code', 'correlationId', 'message', 'path', 'statusCode', 'timestamp']);
  }
}, 60_000);

test('an empty body with a content type counts as {}', async () => {
  const agentsFirst = [...routes].sort((a, b) => Number(b.caller === agent) - Number(a.caller === agent)); // a rotation ends the token
  for (const { method, path, caller } of agentsFirst) {
    const answer = await caller.ask(method, path, '', { 'Content-Type': 'application/json' });
    expect([method, path, answer.status, [200, 400, 404].includes(answer.status)]).toEqual([method, path, answer.status, true]);
    if (answer.status === 400) expect([path, answer.body['code']]).toEqual([path, 'VALIDATION_FAILED']);
  }
  const removed = await admin.create('/agents', { name: 'Removed' });
  expect((await admin.ask('DELETE', `/agents/${removed}`, '', { 'Content-Type': 'application/json' })).status).toBe(200);
});
