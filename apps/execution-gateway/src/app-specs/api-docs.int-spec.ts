import { isJsonObject, type JsonObject } from '@agentfleet/contracts';
import type { RunningApp } from '@agentfleet/platform';
import { waitFor } from '@agentfleet/testing';
import Ajv from 'ajv';
import { ask, TestGateway, type Answer } from './gateway.fixture';

let gateway: TestGateway;
let replica: RunningApp;
let document: JsonObject;
let ajv: Ajv;

beforeAll(async () => {
  gateway = await TestGateway.create({ GATEWAY_RATE_LIMIT_PER_SECOND: '0' });
  replica = await gateway.boot();
  document = (await ask(replica, 'GET', '/api-docs-json')).body;
  ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true });
  ajv.addSchema(document, 'api');
});
afterAll(() => gateway.close());

function at(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>((inner, key) => (isJsonObject(inner) ? inner[key] : undefined), value);
}

const escaped = (key: string) => encodeURIComponent(key.replace(/~/g, '~0').replace(/\//g, '~1'));

/** What a validator says of an answer, judged by the documented schema of its status. */
function faults(route: readonly [method: string, path: string], status: number, type: string, value: unknown): unknown[] {
  const validate = ajv.getSchema(`api#/paths/${escaped(route[1])}/${route[0]}/responses/${status}/content/${escaped(type)}/schema`);
  if (!validate) return [`${route.join(' ')} has no schema for ${status}`];
  return validate(value) ? [] : (validate.errors ?? []);
}

const operations = () =>
  Object.entries(document['paths'] ?? {}).flatMap(([path, methods]: [string, unknown]) =>
    Object.entries(isJsonObject(methods) ? methods : {}).map(([method, operation]) => ({ method, path, operation })),
  );

it('has no operation of the alias prefix, and each of its own once', () => {
  const own = operations().map(({ method, path }) => `${method} ${path}`);
  expect(own.filter((name) => name.includes('/api/v1/'))).toEqual([]);
  expect(own.sort()).toEqual([
    'delete /sessions/{id}', 'get /health', 'get /health/live', 'get /health/ready', 'get /models', 'get /sessions', 'get /sessions/{id}', 'get /sessions/{id}/events',
    'get /sessions/{id}/events/stream', 'get /sessions/{id}/messages', 'get /sessions/{id}/runs', 'get /sessions/{id}/runs/{runId}', 'get /sessions/{id}/status', 'post /sessions',
    'post /sessions/{id}/cancel', 'post /sessions/{id}/runs',
  ]);
});

it('every example is valid by its own schema, and every answer has one', () => {
  for (const { method, path, operation } of operations()) {
    for (const [status, response] of Object.entries(at(operation, 'responses') ?? {})) {
      for (const [type, content] of Object.entries(at(response, 'content') ?? {})) {
        const examples = Object.values(at(content, 'examples') ?? {}).map((example: unknown) => at(example, 'value'));
        const all = [at(content, 'example'), ...examples].filter((example) => example !== undefined);
        if (!path.startsWith('/health/')) expect([method, path, status, all.length > 0]).toEqual([method, path, status, true]); // the platform's own
        for (const example of all) expect([path, status, faults([method, path], Number(status), type, example)]).toEqual([path, status, []]);
      }
    }
  }
});

it('names the errors of every route', () => {
  for (const { path, operation } of operations().filter(({ path }) => !path.startsWith('/health'))) {
    const statuses = Object.keys(at(operation, 'responses') ?? {});
    const hasBody = at(operation, 'requestBody') !== undefined;
    const hasLimit = JSON.stringify(at(operation, 'parameters') ?? []).includes('"limit"');
    const expected = ['400', '401', '403', '429', '500', '503', ...(path.includes('{') ? ['404'] : []), ...(hasBody ? ['413', '415', '422'] : []), ...(hasLimit ? ['422'] : [])];
    expect([path, statuses]).toEqual([path, expect.arrayContaining(expected)]);
  }
});

/** The request of an operation as Swagger UI fills it in. */
async function press(method: string, path: string, known: Readonly<Record<string, string>> = {}): Promise<Answer> {
  const operation = at(document, 'paths', path, method);
  const parameters = at(operation, 'parameters');
  const query = new URLSearchParams();
  let address = path;
  for (const parameter of Array.isArray(parameters) ? parameters : []) {
    const [name, schema] = [String(at(parameter, 'name')), at(parameter, 'schema')];
    const value = known[name] ?? at(schema, 'example') ?? at(schema, 'default') ?? at(parameter, 'example');
    if (at(parameter, 'in') === 'path') address = address.replace(`{${name}}`, String(value));
    else if (value !== undefined && at(parameter, 'in') === 'query') query.set(name, String(value));
  }
  const examples = Object.values(at(operation, 'requestBody', 'content', 'application/json', 'examples') ?? {});
  return ask(replica, method.toUpperCase(), query.size > 0 ? `${address}?${query.toString()}` : address, at(examples[0], 'value'));
}

it('every operation succeeds as it is filled in, on a fresh stack, with an answer of the documented shape', async () => {
  const pressed: string[] = [];
  const succeed = async (method: string, path: string, known?: Readonly<Record<string, string>>): Promise<Answer> => {
    const answer = await press(method, path, known);
    expect([method, path, answer.status < 300 ? 'fine' : answer.text]).toEqual([method, path, 'fine']);
    expect([path, faults([method, path], answer.status, 'application/json', answer.body)]).toEqual([path, []]);
    pressed.push(`${method} ${path}`);
    return answer;
  };
  await succeed('post', '/sessions');
  await succeed('post', '/sessions'); // twice in a row
  const run = await succeed('post', '/sessions/{id}/runs');
  const runId = String(run.body['run_id']);
  await waitFor('the end of the run', async () => ((await succeed('get', '/sessions/{id}/runs/{runId}', { runId })).body['ended_at'] ? true : undefined));
  for (const path of ['/sessions', '/sessions/{id}', '/sessions/{id}/status', '/sessions/{id}/runs', '/sessions/{id}/messages', '/sessions/{id}/events', '/models', '/health']) await succeed('get', path);
  await succeed('post', '/sessions/{id}/cancel');
  await succeed('delete', '/sessions/{id}');
  const streams = ['get /sessions/{id}/events/stream']; // it does not end
  expect(operations().map(({ method, path }) => `${method} ${path}`).filter((name) => !name.includes('/health/') && !pressed.includes(name))).toEqual(streams);
});

it('errors have the documented shape', async () => {
  const cases: [readonly [string, string], Promise<Answer>][] = [
    [['get', '/sessions'], ask(replica, 'GET', '/sessions?limit=0')],
    [['get', '/sessions'], ask(replica, 'GET', '/sessions', undefined, { 'x-api-key': 'wrong' })],
    [['get', '/sessions/{id}'], ask(replica, 'GET', '/sessions/unknown')],
    [['get', '/sessions/{id}'], ask(replica, 'GET', '/sessions/%zz')],
    [['post', '/sessions'], ask(replica, 'POST', '/sessions', '{broken')],
    [['post', '/sessions'], ask(replica, 'POST', '/sessions', { user_id: 5 })],
    [['post', '/sessions'], ask(replica, 'POST', '/sessions', { workspace_dir: '../x' })],
    [['post', '/sessions'], ask(replica, 'POST', '/sessions', 'x', { 'content-type': 'text/plain' })],
    [['post', '/sessions/{id}/runs'], ask(replica, 'POST', '/sessions/unknown/runs', { user_input: 'x' })],
  ];
  for (const [route, asked] of cases) {
    const answer = await asked;
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect([route, answer.status, faults(route, answer.status, 'application/json', answer.body)]).toEqual([route, answer.status, []]);
  }
});
