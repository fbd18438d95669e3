import { StackProcess, type StackFile } from '@agentfleet/testing';
import { BODIES, idFor, makeTenants, send, servedRoutes, unknownLike, type Answer, type RequestHeaders, type Route, type Tenants } from './tenancy.fixture';

/**
 * Another organization's id is answered exactly like an unknown one, on every route that the apps' OpenAPI documents name;
 * a new route on known things is tested without a line here.
 */
let stack: StackProcess;
let file: StackFile;
let routes: Route[];
let tenants: Tenants;
let closeTenants = async (): Promise<void> => undefined;

beforeAll(async () => {
  stack = await StackProcess.create();
  file = await stack.start();
  routes = await servedRoutes(file);
  tenants = await makeTenants(file);
  closeTenants = () => tenants.close();
});
afterAll(async () => {
  await closeTenants();
  await stack.dispose();
});

const title = ({ app, method, path }: Route) => `${app} ${method} ${path}`;

/** A body that gets past validation, so that the id decides. */
function bodyOf({ app, method, path }: Route): object | undefined {
  if (method === 'GET' || method === 'DELETE') return undefined;
  const collection = Object.entries(BODIES).find(([name]) => path === `/${name}/{id}`);
  if (app === 'aiwm' && collection) return collection[1];
  if (path.endsWith('/runs')) return { user_input: 'hello' };
  if (path.endsWith('/heartbeat')) return { status: app === 'aiwm' ? 'online' : 'available' };
  return {};
}

/** What may differ between two requests is taken out: their ids, correlation ids, times. */
function comparable({ status, text }: Answer, ids: readonly string[]): string {
  const same = ids.reduce((left, id) => left.replaceAll(id, '<id>'), text);
  return `${status} ${same.replace(/"(correlation_?[iI]d|request_id|timestamp|error_id)":"[^"]*"/g, '"$1":"-"')}`;
}

function knock(route: Route, headers: RequestHeaders, ids: readonly string[]): Promise<Answer> {
  const path = route.parameters.reduce((filled, name, index) => filled.replace(`{${name}}`, encodeURIComponent(ids[index] || 'x')), route.path);
  return send(`${file.urls[route.app]}${path}`, route.method, headers, bodyOf(route));
}

const ownIds = (route: Route) => route.parameters.map((name) => idFor(route, name, tenants.ids));

/** Routes on things that `tenancy.fixture.ts` makes; the others are asked without credentials only. */
const prepared = (route: Route) => ownIds(route).every((id) => id !== '');

// first: what strangers ask for by name below stands in their own lists of calls
test('lists show nothing of the other organization', async () => {
  const secrets = [...Object.values(tenants.ids), 'tenant-one'];
  const leaks: string[] = [];
  let shownToOwner = 0;
  for (const route of routes.filter(({ method, parameters, isPublic }) => method === 'GET' && parameters.length === 0 && !isPublic)) {
    const own = await knock(route, tenants.ownerHeaders[route.app], []);
    if (secrets.some((secret) => own.text.includes(secret))) shownToOwner++;
    for (const [who, headers] of Object.entries(tenants.strangers)) {
      const { status, text } = await knock(route, headers, []);
      const found = secrets.filter((secret) => text.includes(secret));
      if (found.length > 0 || status >= 500) leaks.push(`${title(route)} as ${who}: ${status} ${found.join(' ')}`);
    }
  }
  expect(leaks).toEqual([]);
  expect(shownToOwner).toBeGreaterThanOrEqual(10);
});

test('the documents name routes of all four apps, and nearly every path parameter has an id here', () => {
  expect(new Set(routes.map(({ app }) => app)).size).toBe(4);
  expect(routes.filter(({ isPublic }) => !isPublic).length).toBeGreaterThan(60);
  const missing = routes.filter((route) => !prepared(route)).map(title);
  expect(missing.length > routes.length / 10 ? missing : []).toEqual([]);
});

test('the owner reads all of it, so that the ids below are real', async () => {
  const refused: string[] = [];
  for (const route of routes.filter(({ method, parameters, path }) => method === 'GET' && parameters.length > 0 && !/stream|poll|tunnel-info/.test(path)).filter(prepared)) {
    const { status } = await knock(route, tenants.ownerHeaders[route.app], ownIds(route));
    if (status !== 200) refused.push(`${title(route)}: ${status}`);
  }
  expect(refused).toEqual([]);
});

test('without credentials every protected route answers 401', async () => {
  const open: string[] = [];
  for (const route of routes.filter(({ isPublic }) => !isPublic)) {
    const { status } = await knock(route, {}, ownIds(route));
    if (status !== 401) open.push(`${title(route)}: ${status}`);
  }
  expect(open).toEqual([]);
});

test("another organization's ids are answered exactly like unknown ones", async () => {
  const deviations: string[] = [];
  for (const route of routes.filter(({ isPublic, parameters }) => !isPublic && parameters.length > 0).filter(prepared)) {
    const foreign = ownIds(route);
    const unknown = foreign.map(unknownLike);
    for (const [who, headers] of Object.entries(tenants.strangers)) {
      const [first, second] = [await knock(route, headers, foreign), await knock(route, headers, unknown)];
      const [got, wanted] = [comparable(first, foreign), comparable(second, unknown)];
      if (got !== wanted) deviations.push(`${title(route)} as ${who}: foreign ${got.slice(0, 300)} | unknown ${wanted.slice(0, 300)}`);
      else if (first.status < 400 || first.status >= 500) deviations.push(`${title(route)} as ${who}: ${got.slice(0, 300)}`);
    }
  }
  expect(deviations).toEqual([]);
});

test("references to another organization's things are answered like unknown ones", async () => {
  const { ids, strangers } = tenants;
  const cases: readonly (readonly [Route['app'], string, (id: string) => object, string])[] = [
    ['aiwm', '/agents', (id) => ({ name: 'x', instructionId: id }), 'instructions'],
    ['aiwm', '/agents', (id) => ({ name: 'x', nodeId: id }), 'nodes'],
    ['aiwm', '/agents', (id) => ({ name: 'x', allowedToolIds: [id] }), 'tools'],
    ['vps_bridge', '/api/vps/call', (id) => ({ agent_name: id, prompt: 'x', session_id: 'tenant-two-session', user_id: 'tenant-two-user' }), 'vpsAgent'],
  ];
  for (const [app, path, body, kind] of cases) {
    const foreign = ids[kind] ?? '';
    const answers = [];
    for (const id of [foreign, unknownLike(foreign)]) {
      const { status, text } = await send(`${file.urls[app]}${path}`, 'POST', strangers['user'] ?? {}, body(id));
      answers.push([kind, status < 300, comparable({ status, text }, [id]).replace(/"(call_id|latency_ms|total_latency_ms|started_at|ended_at)":("[^"]*"|[0-9.]+)/g, '"$1":-')]);
    }
    expect(answers[0]).toEqual(answers[1]);
    if (app === 'aiwm') expect(answers[0]?.[1]).toBe(false);
  }
});

test('after all that the owner still has everything', async () => {
  const gone: string[] = [];
  for (const route of routes.filter(({ method, path }) => method === 'GET' && /\/\{[^}]+\}$/.test(path) && !path.includes('/health/')).filter(prepared)) {
    const { status, text } = await knock(route, tenants.ownerHeaders[route.app], ownIds(route));
    if (status !== 200 || text.includes('tenant-renamed')) gone.push(`${title(route)}: ${status}`);
  }
  expect(gone).toEqual([]);
});
