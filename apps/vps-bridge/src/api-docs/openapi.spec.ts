import { readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Content {
  readonly example?: unknown;
  readonly examples?: Readonly<Record<string, { readonly value?: unknown }>>;
}
interface Answer {
  readonly description: string;
  readonly content?: Readonly<Record<string, Content>>;
}
interface Operation {
  readonly operationId?: string;
  readonly summary?: string;
  readonly security?: readonly object[];
  readonly parameters?: readonly { readonly in: string; readonly name: string; readonly required: boolean }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, Content>> };
  readonly responses: Readonly<Record<string, Answer>>;
}

// what `npm run openapi` generated from the running module; a difference between the two fails the check of the repository
const document: { readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>> } = JSON.parse(readFileSync(join(__dirname, '../../../../openapi/vps-bridge.json'), 'utf8'));
const all = Object.entries(document.paths).flatMap(([path, operations]) => Object.entries(operations).map(([method, operation]) => ({ path, method, operation })));
const own = all.filter(({ path }) => path.startsWith('/api/vps/'));

const valuesOf = (content: Content): readonly unknown[] => [
  ...(content.example === undefined ? [] : [content.example]),
  ...Object.values(content.examples ?? {}).map(({ value }) => value),
];
const statusesOf = ({ responses }: Operation) => Object.keys(responses).map(Number);

/** The contract's list of routes. */
const ROUTES = [
  'post /register', 'get /agents', 'get /agents/{name}', 'delete /agents/{name}', 'post /call', 'post /call/async', 'post /call/stream', 'get /calls', 'get /calls/{callId}', 'get /health',
  'get /health/{name}', 'post /health/{name}/reset', 'get /status', 'get /sessions', 'get /sessions/export', 'post /sessions/import', 'post /sessions/cleanup', 'get /sessions/{id}',
  'delete /sessions/{id}', 'get /sessions/{id}/messages',
];

it('has every route of the contract and no other', () => {
  expect(own.map(({ path, method }) => `${method} ${path.slice('/api/vps'.length)}`).sort()).toEqual([...ROUTES].sort());
});

it('names every operation once', () => {
  const ids = all.map(({ operation }) => operation.operationId);
  expect(ids.every((id) => typeof id === 'string' && id !== '')).toBe(true);
  expect(new Set(ids).size).toBe(ids.length);
});

describe.each(own.map((one) => [`${one.method} ${one.path}`, one.operation] as const))('%s', (name, operation) => {
  it('says in a sentence what it does, and how one proves who one is', () => {
    expect(operation.summary).toMatch(/^[A-Z].{10,}\.$/);
    expect(operation.security).toEqual([{ bearer: [] }, { apiKey: [] }]);
  });

  it('shows a request', () => {
    const bodies = Object.values(operation.requestBody?.content ?? {});
    for (const body of bodies) expect(valuesOf(body).length).toBeGreaterThan(0);
    expect(bodies.length > 0).toBe(/^post .*(?:register|call|call\/async|call\/stream|import)$/.test(name));
  });

  it('shows its answer', () => {
    const [status, ...others] = Object.entries(operation.responses).filter(([code]) => code < '300');
    expect(others).toEqual([]);
    const contents = Object.values(status?.[1].content ?? {});
    expect(contents.length > 0).toBe(status?.[0] !== '204');
    for (const content of contents) expect(valuesOf(content).length).toBeGreaterThan(0);
  });

  it('shows every error that it may answer with', () => {
    const hasBody = operation.requestBody !== undefined;
    const hasQuery = operation.parameters?.some((parameter) => parameter.in === 'query') === true;
    const names = /\{/.test(name);
    const isCall = /call(?:\/async|\/stream)?$/.test(name);
    const expected = [400, 401, 403, 429, 500, 503, ...(hasBody ? [413, 415, 422] : []), ...(hasQuery ? [422] : []), ...(names ? [404] : []), ...(isCall ? [409] : [])];
    expect(statusesOf(operation).filter((status) => status >= 400)).toEqual([...new Set(expected)].sort());
    for (const [status, { description, content }] of Object.entries(operation.responses).filter(([code]) => code >= '400')) {
      expect(description).not.toBe('');
      const examples = valuesOf(content?.['application/json'] ?? {});
      expect([status, examples.length > 0]).toEqual([status, true]);
      for (const example of examples) expect(example).toMatchObject({ detail: expect.any(String), code: expect.stringMatching(/^[a-z_]+$/), correlation_id: expect.any(String) });
    }
  });
});
