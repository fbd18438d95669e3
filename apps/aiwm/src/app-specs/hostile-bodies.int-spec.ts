import { openApiOf } from '@agentfleet/platform';
import { waitFor } from '@agentfleet/testing';
import { aiwmApp } from '../app';
import { SMALL_BODY_BYTES } from '../limits/small-body';
import { isJsonObject } from '@agentfleet/contracts';
import { aiwmStack, type Client, type Stack } from './aiwm-stack.fixture';

/** Routes that take no more than a credential. */
const SMALL = /\/(?:connect|disconnect|login|refresh-token|logout|change-password)$/;
const SECRET = 'a secret of its own';
let stack: Stack;
let anonymous: Client;
let admin: Client;
let agent: Client;
let id: string;
/** Every route that takes a body, with ids that exist as far as that matters. */
let routes: { method: string; path: string; caller: Client; fields: Readonly<Record<string, unknown>> }[];

/** The properties of a body as they are documented. */
function fieldsOf(document: object, requestBody: unknown): Readonly<Record<string, unknown>> {
  const name = /#\/components\/schemas\/(\w+)/.exec(JSON.stringify(requestBody))?.[1];
  if (name === undefined) throw new Error('a body without a schema');
  const properties = ['components', 'schemas', name, 'properties'].reduce((at: unknown, key) => (isJsonObject(at) ? at[key] : undefined), document);
  return isJsonObject(properties) ? properties : {};
}

beforeAll(async () => {
  stack = await aiwmStack();
  ({ client: anonymous } = await stack.boot());
  admin = await anonymous.login();
  id = await admin.create('/agents', { name: 'Attacked', secret: SECRET });
  const { body } = await anonymous.post(`/agents/${id}/connect`, { secret: SECRET });
  agent = anonymous.with({ Authorization: `Bearer ${String(body['token'])}` });
  const document = await openApiOf(aiwmApp);
  const { paths } = document;
  routes = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).flatMap(([method, operation]) => {
      if (!isJsonObject(operation) || operation['requestBody'] === undefined) return [];
      const caller = /heartbeat|disconnect/.test(path) ? agent : admin;
      return [{ method: method.toUpperCase(), path: path.replace('{id}', id), caller, fields: fieldsOf(document, operation['requestBody']) }];
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
});

/** Free objects that are kept as JSON, not as documents. */
const KEPT_EXACTLY = ['settings', 'metrics'];

test('lone surrogates, which would read back as other characters, are refused in every text of every body, credentials too', async () => {
  const half = 'http://localhost/0123456789/\ud800'; // would fit everywhere
  const refused: string[] = [];
  for (const { method, path, caller, fields } of routes) {
    for (const [field, schema] of Object.entries(fields).filter(([name]) => !KEPT_EXACTLY.includes(name))) {
      const { type } = isJsonObject(schema) ? schema : {};
      for (const value of type === 'array' ? [[half]] : type === 'object' ? [{ [half]: 'x' }, { x: half }, { x: { y: [half] } }] : [half]) {
        const { status, body } = await caller.ask(method, path, { [field]: value });
        const problems = (body.errors ?? []).filter((problem) => problem.startsWith(`${field} `) || problem.startsWith(`${field}.`));
        expect([method, path, field, value, status, problems]).toEqual([method, path, field, value, 400, expect.arrayContaining([expect.any(String)])]);
        if (problems.some((problem) => problem.endsWith('must not have lone surrogates'))) refused.push(`${method} ${path.replace(id, '{id}')} ${field}`);
      }
    }
  }
  for (const wanted of ['POST /agents secret', 'POST /agents name', 'POST /agents tags', 'POST /agents/{id}/connect secret', 'POST /users password', 'PATCH /users/{id} password',
    'POST /auth/login password', 'POST /auth/login username', 'POST /auth/change-password newPassword', 'POST /tools environment', 'PUT /tools/{id} environment', 'POST /tools endpoint', 'PUT /tools/{id} endpoint',
    'POST /tools schema', 'POST /nodes specs', 'POST /nodes location', 'POST /agents/{id}/disconnect reason']) expect(refused).toContain(wanted);
});

test('in settings and metrics they are kept exactly', async () => {
  const settings = { odd: '\ud800', '\udc00': ['\ud83d'] };
  const kept = await admin.post('/agents', { name: '😀', settings });
  expect([kept.status, kept.body['name']]).toEqual([201, '😀']);
  expect((await admin.get(`/agents/${String(kept.body['_id'])}`)).body['settings']).toEqual(settings);
  expect((await agent.post(`/agents/${id}/heartbeat`, { status: 'online', metrics: settings })).status).toBe(200);
  await waitFor('the metrics', async () => (await admin.get(`/agents/${id}`)).body['metrics'] !== null);
  expect((await admin.get(`/agents/${id}`)).body['metrics']).toEqual(settings);
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
});

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
});

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
