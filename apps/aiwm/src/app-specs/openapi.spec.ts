import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isJsonObject } from '@agentfleet/contracts';

interface Operation {
  readonly operationId?: string;
  readonly summary?: string;
  readonly security?: readonly object[];
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: Media;
  readonly responses: Readonly<Record<string, Media>>;
}
interface Media {
  readonly content?: Readonly<Record<string, { readonly schema?: { readonly $ref?: string }; readonly example?: unknown; readonly examples?: Readonly<Record<string, { readonly value: unknown }>> }>>;
  readonly headers?: object;
}

interface Schema {
  readonly required?: readonly string[];
}

/** Written by the built app; that it is up to date is checked by `npm test`. */
const document: { paths: Record<string, Record<string, Operation>>; components: { securitySchemes: Record<string, unknown>; schemas: Record<string, Schema> } } = JSON.parse(
  readFileSync(join(__dirname, '../../../../openapi/aiwm.json'), 'utf8'),
);
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ name: `${method.toUpperCase()} ${path}`, path, operation })),
);
/** The platform's, the same in all apps. */
const PROBES = ['GET /health/live', 'GET /health/ready'];
const ours = operations.filter(({ name }) => !PROBES.includes(name));

/** Everything that an answer or a body shows as an example. */
function examplesOf(media: Media | undefined): readonly unknown[] {
  return Object.values(media?.content ?? {}).flatMap(({ example, examples }) => [
    ...(example === undefined ? [] : [example]),
    ...Object.values(examples ?? {}).map(({ value }) => value),
  ]);
}

test('every operation has a summary, an id of its own, its security and its path parameters', () => {
  const ids = operations.map(({ operation }) => operation.operationId);
  expect(new Set(ids).size).toBe(ids.length);
  for (const { name, path, operation } of operations) {
    expect([name, (operation.summary ?? '').length > 5, Array.isArray(operation.security)]).toEqual([name, true, true]);
    const declared = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path').map((parameter) => parameter.name);
    expect([name, declared]).toEqual([name, [...path.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => parameter)]);
  }
  expect(Object.values(document.components.securitySchemes)).toEqual([
    expect.objectContaining({ type: 'http', scheme: 'bearer' }),
    expect.objectContaining({ type: 'apiKey', in: 'header', name: 'X-API-Key' }),
  ]);
});

test('the public operations are those of the contract, and no others', () => {
  const open = operations.filter(({ operation }) => operation.security?.length === 0).map(({ name }) => name);
  const login = ['POST /auth/login', 'POST /auth/refresh-token', 'POST /agents/{id}/connect'];
  expect(new Set(open)).toEqual(new Set([...login, 'GET /health', ...PROBES, 'GET /.well-known/jwks.json']));
});

test('every body and every answer has an example, every error one for each of its codes', () => {
  for (const { name, operation } of ours) {
    if (operation.requestBody) expect([name, 'body', examplesOf(operation.requestBody).length]).toEqual([name, 'body', 1]);
    for (const [status, answer] of Object.entries(operation.responses)) {
      const examples = examplesOf(answer);
      if (status !== '304') expect([name, status, examples.length > 0]).toEqual([name, status, true]);
      if (Number(status) < 400 || name === 'GET /health') continue;
      for (const example of examples) {
        const shape = { statusCode: Number(status), code: expect.stringMatching(/^[A-Z_]+$/), message: expect.any(String), timestamp: expect.any(String), path: expect.any(String), correlationId: expect.any(String) };
        expect(example).toMatchObject(shape);
      }
      if (status === '429' || status === '503') expect([name, status, Object.keys(answer.headers ?? {})]).toEqual([name, status, ['Retry-After']]);
    }
  }
});

test('the errors that a route may answer are documented', () => {
  for (const { name, operation } of ours.filter((one) => one.name !== 'GET /health')) {
    const statuses = Object.keys(operation.responses);
    const isOpen = operation.security?.length === 0;
    const expected = ['500', '503', ...(isOpen ? [] : ['400', '401', '403', '404', '429']), ...(operation.requestBody ? ['400', '413', '415'] : [])];
    expect([name, expected.filter((status) => !statuses.includes(status))]).toEqual([name, []]);
    const creates = statuses.includes('201');
    expect([name, creates ? statuses.filter((status) => status === '409' || status === '422') : ['409', '422']]).toEqual([name, ['409', '422']]);
  }
  const connect = document.paths['/agents/{id}/connect']?.['post'];
  expect(Object.keys(connect?.responses ?? {})).toEqual(expect.arrayContaining(['200', '400', '401', '404', '429', '503']));
  expect(connect?.requestBody).toBeDefined();
});

test('a configuration always names its revision, a connect does not; statistics always have the total only', () => {
  const { ConfigurationDto: configuration, ConnectAnswerDto: connect, StatisticsDto: statistics } = document.components.schemas;
  const delivered = ['instruction', 'tools', 'agent', 'settings'];
  const tokens = ['token', 'accessToken', 'expiresIn', 'tokenType', 'refreshToken', 'refreshExpiresIn'];
  expect(new Set(configuration?.required)).toEqual(new Set(['configRevision', ...delivered]));
  expect(new Set(connect?.required)).toEqual(new Set([...tokens, ...delivered]));
  expect(statistics?.required).toEqual(['total']);
});

test('every reference resolves', () => {
  const pointers = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, pointer]) => pointer ?? '');
  expect(pointers.length).toBeGreaterThan(50);
  for (const pointer of new Set(pointers)) {
    const found = pointer.split('/').reduce<unknown>((at, key) => (isJsonObject(at) ? at[key] : undefined), document);
    expect([pointer, found !== undefined]).toEqual([pointer, true]);
  }
});
