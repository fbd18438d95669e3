import { openApiOf } from '@agentfleet/platform';
import { waitFor } from '@agentfleet/testing';
import { aiwmApp } from '../app';
import { aiwmStack, type Client, type Stack } from './aiwm-stack.fixture';

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly example?: unknown;
  readonly schema: { readonly type?: string; readonly default?: unknown; readonly example?: unknown; readonly properties?: object };
}
interface Operation {
  readonly tags?: readonly string[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: { readonly 'application/json': { readonly examples: { readonly example: { readonly value: object } } } } };
}

/** What cannot succeed as it is prefilled, and why. */
const EXCEPTIONS: Readonly<Record<string, number>> = {
  'POST /auth/login': 401, // the example says where the password is
  'POST /auth/refresh-token': 401, // a token of an earlier login
  'POST /auth/change-password': 401, // as at login
};

let stack: Stack;
let admin: Client;
let operations: { name: string; method: string; path: string; operation: Operation }[];
beforeAll(async () => {
  stack = await aiwmStack();
  const { client, running } = await stack.boot();
  admin = await client.login();
  await waitFor('the bus', () => running.services.bus.isUp);
  const { paths } = await openApiOf(aiwmApp);
  operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ name: `${method.toUpperCase()} ${path}`, method: method.toUpperCase(), path, operation: operation as Operation })), // Nest's own type has no shape for what we read
  );
});
afterAll(() => stack.close());

/** As Swagger UI fills a form in: an object without an example gets one made of the names of its types. */
function prefilled({ parameters = [] }: Operation): string {
  const query = new URLSearchParams();
  for (const { name, in: place, example, schema } of parameters) {
    if (place !== 'query') continue;
    const value = example ?? schema.example ?? schema.default ?? (schema.type === 'object' ? Object.fromEntries(Object.keys(schema.properties ?? {}).map((key) => [key, 'string'])) : undefined);
    if (typeof value === 'object' && value !== null) for (const [key, inner] of Object.entries(value)) query.set(`${name}[${key}]`, String(inner));
    else if (value !== undefined) query.set(name, String(value));
  }
  return query.size > 0 ? `?${query.toString()}` : '';
}

test('after Authorize every operation without an id succeeds as it is prefilled', async () => {
  const pressed: string[] = [];
  for (const { name, method, path, operation } of operations) {
    if (path.includes('{') || path === '/events') continue;
    const { status, text } = await admin.ask(method, `${path}${prefilled(operation)}`, operation.requestBody?.content['application/json'].examples.example.value);
    const expected = EXCEPTIONS[name] ?? (status >= 200 && status < 300 ? status : 200);
    expect([name, status, status === expected ? '' : text]).toEqual([name, expected, '']);
    pressed.push(name);
  }
  expect(pressed).toEqual(expect.arrayContaining(['GET /agents', 'POST /agents', 'POST /tools', 'POST /users', 'POST /api-keys', 'GET /audit-log', 'GET /organizations', 'POST /auth/logout']));
});

test('every operation says what it is about; identity is no subject of its own', () => {
  const tags = new Set(operations.flatMap(({ operation }) => operation.tags ?? []));
  for (const tag of ['auth', 'organizations', 'users', 'keys', 'audit', 'agents', 'events']) expect(tags).toContain(tag);
  expect(tags).not.toContain('identity');
});
