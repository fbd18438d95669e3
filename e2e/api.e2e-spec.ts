import { StackProcess, type StackFile } from '@agentfleet/testing';
import { prefilledRequest, type ApiDocument, type ApiOperation } from './swagger-form';

let stack: StackProcess;
let file: StackFile;
let token: string;

beforeAll(async () => {
  stack = await StackProcess.create();
  file = await stack.start();
  const answer = await fetch(`${file.urls.aiwm}/auth/login`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ username: file.admin.email, password: file.admin.password }),
  });
  const body: { accessToken: string } = JSON.parse(await answer.text());
  token = body.accessToken;
});
afterAll(() => stack.dispose());

/** Operations that cannot succeed with what a form can know beforehand, with the answer that says so. */
const CANNOT: Readonly<Record<string, { readonly status: number; readonly why: string }>> = {
  'POST /auth/login': { status: 401, why: 'the password is the one that npm start made' },
  'POST /auth/refresh-token': { status: 401, why: 'wants the refresh token of a login' },
  'POST /auth/change-password': { status: 401, why: 'wants the present password' },
  'POST /agents/{id}/connect': { status: 401, why: 'wants the secret that POST /agents or a rotation gave' },
  'POST /agents/{id}/heartbeat': { status: 403, why: 'wants the token of a connect' },
  'POST /agents/{id}/disconnect': { status: 403, why: 'wants the token of a connect' },
};

const METHODS = ['post', 'get', 'put', 'patch', 'delete'];
interface Step {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly operation: ApiOperation;
}

/** What makes things first, what deletes them last, and of that the innermost first. */
function stepsOf(document: ApiDocument): Step[] {
  const rank = ({ method, path }: Step) => {
    if (path.endsWith('/cleanup')) return 2000; // it would take the imported example, an old session
    if (method === 'delete') return 1000 - path.length;
    if (method === 'post' && !path.includes('{')) return /\/(auth|logout)/.test(path) ? 1 : 0;
    return 10 + METHODS.indexOf(method);
  };
  const steps = Object.entries(document.paths).flatMap(([path, item]) =>
    METHODS.flatMap((method) => {
      const operation = item[method];
      return operation ? [{ name: `${method.toUpperCase()} ${path}`, method, path, operation }] : [];
    }),
  );
  return steps.sort((a, b) => rank(a) - rank(b));
}

/** Parameters that are called otherwise than what made them. */
const PARAMETER_OF: Readonly<Record<string, string>> = {
  '/api/v1/clusters/agent/register': 'cluster_id',
  '/api/vps/register': 'name',
  '/api/vps/call/async': 'callId',
  '/sessions/{id}/runs': 'runId',
};

const ID_FIELDS = ['_id', 'run_id', 'call_id', 'cluster_id', 'session_id', 'agent_name'];

/** An id that an answer gave, for the forms below the same path. */
function idOf(answer: unknown): string | undefined {
  if (typeof answer !== 'object' || answer === null) return undefined;
  const fields = new Map<string, unknown>(Object.entries(answer));
  return ID_FIELDS.map((name) => fields.get(name)).find((value): value is string => typeof value === 'string');
}

async function send(base: string, method: string, request: ReturnType<typeof prefilledRequest>, credentials: Record<string, string>): Promise<{ status: number; text: string }> {
  const abort = new AbortController();
  const response = await fetch(`${base}${request.path}`, {
    method: method.toUpperCase(),
    headers: { ...credentials, ...request.headers, ...(request.body === undefined ? {} : { 'Content-Type': 'application/json' }) },
    ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
    signal: abort.signal,
  });
  if (response.headers.get('content-type')?.startsWith('text/event-stream')) {
    abort.abort(); // it does not end by itself
    return { status: response.status, text: '' };
  }
  return { status: response.status, text: await response.text() };
}

const APPS = ['aiwm', 'vps_bridge', 'cluster_agent', 'execution_gateway'] as const;

async function documentOf(base: string): Promise<ApiDocument> {
  const answer = await fetch(`${base}/api-docs-json`);
  return JSON.parse(await answer.text());
}

/** Agents of clusters have a key of their own; everybody else is the administrator. */
function credentialsFor(path: string): Record<string, string> {
  return path.startsWith('/api/v1/clusters/agent') ? { 'X-API-Key': file.cluster_token } : { Authorization: `Bearer ${token}` };
}

/** Swagger UI as a newcomer uses it: a fresh stack, Authorize, then Execute with what the form holds. */
test.each(APPS)('%s: every form can be sent as it is', async (app) => {
  const base = file.urls[app];
  const document = await documentOf(base);
  const made = new Map<string, string>();
  const results: string[] = [];
  for (const { name, method, path, operation } of stepsOf(document)) {
    const typed = Object.fromEntries(
      [...path.matchAll(/\{(\w+)\}/g)].flatMap(([, parameter = '']) => {
        const known = made.get(path.slice(0, path.indexOf(`/{${parameter}}`))) ?? made.get(parameter);
        return known === undefined ? [] : [[parameter, known]];
      }),
    );
    const { status, text } = await send(base, method, prefilledRequest(path, operation, document, typed), credentialsFor(path));
    const expected = CANNOT[name];
    if (expected ? status !== expected.status : status >= 300) results.push(`${name}: ${status} ${text.slice(0, 300)}`);
    const id = status < 300 && text.startsWith('{') ? idOf(JSON.parse(text)) : undefined;
    if (method === 'post' && id !== undefined) for (const place of [path, PARAMETER_OF[path] ?? path]) made.set(place, id);
  }
  expect(results).toEqual([]);
});

/** CPU seconds that an app has used so far, as its metrics say. */
async function cpuSeconds(base: string): Promise<number> {
  const metrics = await (await fetch(`${base}/metrics`)).text();
  return Number(/^process_cpu_seconds_total ([\d.e+-]+)/m.exec(metrics)?.[1]);
}

const keys = (count: number): object => Object.fromEntries(Array.from({ length: count }, (_, i) => [`key${i}`, i]));
/** Bodies that are large in one way each. */
const LARGE: Readonly<Record<string, (count: number, body: object) => object>> = {
  'unknown keys': (count, body) => ({ ...body, ...keys(count) }),
  'keys in every field': (count, body) => Object.fromEntries(Object.keys(body).map((name) => [name, keys(count)])),
  'a list in every field': (count, body) => Object.fromEntries(Object.keys(body).map((name) => [name, Array.from({ length: count }, (_, i) => `${i}`)])),
};
const FEW = 2000;
/** Below this nothing can be told: garbage collection, heartbeats and the neighbours on the machine cost as much. */
const NOISE_SECONDS = 0.08;

/** The least of three: noise only adds. */
async function cost(base: string, work: () => Promise<unknown>): Promise<number> {
  const tries: number[] = [];
  for (let i = 0; i < 3; i++) {
    const before = await cpuSeconds(base);
    await work();
    tries.push((await cpuSeconds(base)) - before);
  }
  return Math.min(...tries);
}

/** One request of 110,000 keys kept AIWM busy for minutes once. */
test.each(APPS)('%s: four times the body costs no sixteen times the CPU, on any route, with and without credentials', async (app) => {
  const base = file.urls[app];
  const document = await documentOf(base);
  const steep: string[] = [];
  for (const { name, method, path, operation } of stepsOf(document).filter(({ operation }) => operation.requestBody)) {
    const typed = Object.fromEntries([...path.matchAll(/\{(\w+)\}/g)].map(([, parameter = '']) => [parameter, '000000000000000000000099']));
    const request = prefilledRequest(path, operation, document, typed);
    const example = typeof request.body === 'object' && request.body !== null ? request.body : {};
    for (const [way, enlarge] of Object.entries(LARGE)) {
      const ask = (count: number) => send(base, method, { ...request, body: enlarge(count, example) }, credentialsFor(path));
      const small = await cost(base, () => ask(FEW));
      const large = await cost(base, () => ask(4 * FEW));
      if (large > Math.max(small, NOISE_SECONDS) * 8) steep.push(`${name}, ${way}: ${small.toFixed(3)} s of CPU, with four times as much ${large.toFixed(3)} s`);
    }
    const huge = await cost(base, () => send(base, method, { ...request, body: keys(110_000) }, {}));
    if (huge > 3) steep.push(`${name}, 110,000 keys without credentials: ${huge.toFixed(3)} s of CPU`);
  }
  expect(steep).toEqual([]);
});
