import { StackProcess, type StackFile } from '@agentfleet/testing';
import { frames, upgrade } from './tenancy-sockets';
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

/**
 * Not asked with another organization's id: `POST /agents/{id}/connect`, which is public and has no caller, so no
 * organization; the agent's secret decides there, and a wrong one and an unknown agent differ by contract (401, 404).
 */
const PUBLIC_WITH_ID = ['aiwm POST /agents/{id}/connect'];

test('the documents name routes of all four apps, and every path parameter has an id here', () => {
  expect(new Set(routes.map(({ app }) => app)).size).toBe(4);
  expect(routes.filter(({ isPublic }) => !isPublic).length).toBeGreaterThan(60);
  expect(routes.filter((route) => !prepared(route)).map(title)).toEqual([]);
  expect(routes.filter(({ isPublic, parameters }) => isPublic && parameters.length > 0).map(title)).toEqual(PUBLIC_WITH_ID);
});

test('the owner reads all of it, so that the ids below are real', async () => {
  const refused: string[] = [];
  for (const route of routes.filter(({ method, parameters, path }) => method === 'GET' && parameters.length > 0 && !/stream|poll|tunnel-info/.test(path))) {
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
  for (const route of routes.filter(({ isPublic, parameters }) => !isPublic && parameters.length > 0)) {
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

const CLUSTER_SOCKET = '/api/v1/clusters/agent/ws';
const executeSocket = (sessionId: string) => `${file.urls.execution_gateway}/sessions/${sessionId}/execute`;

test('sockets: without credentials, or with wrong ones, the upgrade is 401, whatever the id', async () => {
  const { session = '', cluster = '' } = tenants.ids;
  const wrong: string[] = [];
  const credentials: readonly RequestHeaders[] = [{}, { Authorization: 'Bearer afk_nobody' }, { Authorization: 'Bearer eyJ.a.b' }];
  for (const headers of credentials) {
    for (const url of [executeSocket(session), executeSocket(unknownLike(session))]) {
      const { status } = await upgrade(url, headers);
      if (status !== 401) wrong.push(`${url}: ${status}`);
    }
    const { status } = await upgrade(`${file.urls.cluster_agent}${CLUSTER_SOCKET}?cluster_id=${cluster}&agent_id=tenant-one-cluster-agent`, headers);
    if (status !== 401) wrong.push(`${CLUSTER_SOCKET}: ${status}`);
  }
  expect(wrong).toEqual([]);
});

test("the gateway's socket: another organization's session is answered exactly like an unknown one", async () => {
  const session = tenants.ids['session'] ?? '';
  const deviations: string[] = [];
  expect((await upgrade(executeSocket(session), tenants.ownerHeaders.execution_gateway)).status).toBe(101);
  for (const [who, headers] of Object.entries(tenants.strangers)) {
    const ids = [session, unknownLike(session)];
    const answers: string[] = [];
    for (const id of ids) answers.push(comparable(await upgrade(executeSocket(id), headers), ids));
    const [foreign = '', unknown] = answers;
    if (foreign !== unknown || !/^40[34] /.test(foreign)) deviations.push(`as ${who}: foreign ${foreign} | unknown ${unknown}`);
  }
  expect(deviations).toEqual([]);
});

test("frames of a gateway's socket cannot reach another organization's runs", async () => {
  const { session = '', run = '' } = tenants.ids;
  const headers = tenants.strangers['user'] ?? {};
  const made = await send(`${file.urls.execution_gateway}/sessions`, 'POST', headers, {});
  const own = String(JSON.parse(made.text).session_id);
  const url = executeSocket(own);
  const asked = (sessionId: string, runId: string) => [
    { action: 'cancel', session_id: sessionId, run_id: runId },
    { action: 'input_response', input_id: runId, response: 'yes' },
    { action: 'resume', after_seq: 0, ack: true, session_id: sessionId },
  ];
  const foreign = await frames(url, headers, asked(session, run));
  const unknown = await frames(url, headers, asked(unknownLike(session), unknownLike(run)));
  const plain = (answers: readonly string[]) => answers.map((text) => comparable({ status: 0, text }, [session, run, unknownLike(session), unknownLike(run)]));
  expect(plain(foreign)).toEqual(plain(unknown));
  expect(foreign.join()).not.toContain('tenant-one');
});

test("frames of a cluster agent's socket: another organization's cluster is answered exactly like an unknown one", async () => {
  const cluster = tenants.ids['cluster'] ?? '';
  const key = tenants.scopedKeys['cluster:register'] ?? {};
  const heard: string[] = [];
  for (const id of [cluster, unknownLike(cluster)]) {
    for (const query of ['', `?cluster_id=${id}&agent_id=tenant-one-cluster-agent`]) {
      const sent = [
        { type: 'heartbeat', request_id: 'a', payload: {} },
        { type: 'heartbeat', request_id: 'b', payload: { cluster_id: id, agent_id: 'tenant-one-cluster-agent' } },
        { type: 'status', request_id: 'c', payload: { cluster_id: id } },
      ];
      const answers = await frames(`${file.urls.cluster_agent}${CLUSTER_SOCKET}${query}`, key, sent);
      heard.push(answers.map((text) => comparable({ status: 0, text }, [id])).join('\n'));
    }
  }
  expect(new Set(heard).size).toBe(1);
  expect(heard[0]).toContain('cluster not registered: send register first');
  expect(heard[0]?.match(/cluster not found/g)).toHaveLength(2);
  const mine = await frames(`${file.urls.cluster_agent}${CLUSTER_SOCKET}`, tenants.clusterKey, [{ type: 'heartbeat', request_id: 'a', payload: { cluster_id: cluster } }]);
  expect(mine[0]).toContain('heartbeat_ack');
  const named = await frames(`${file.urls.cluster_agent}${CLUSTER_SOCKET}`, key, [{ type: 'register', request_id: 'r', payload: { agent_id: 'tenant-one-cluster-agent', name: 'tenant-one-cluster' } }]);
  expect(named[0]).toContain('register_success');
  expect(named[0]).not.toContain(cluster);
});

/** Scopes that open a list, by the contracts' tables of callers; with every other single scope it is 403. */
const SCOPES: readonly (readonly [Route['app'], string, readonly string[]])[] = [
  ...['agents', 'instructions', 'tools', 'nodes'].map((name) => ['aiwm', `/${name}`, ['agents:read']] as const),
  ...['users', 'api-keys', 'audit-log'].map((name) => ['aiwm', `/${name}`, []] as const),
  ...['agents', 'health', 'status', 'calls'].map((name) => ['vps_bridge', `/api/vps/${name}`, ['vps:read', 'vps:call', 'vps:manage']] as const),
  ['vps_bridge', '/api/vps/sessions', ['vps:read', 'sessions:read', 'vps:manage']],
  ['vps_bridge', '/api/vps/sessions/export', ['vps:manage']],
  ['cluster_agent', '/api/v1/clusters', ['clusters:read']],
  ['execution_gateway', '/sessions', ['sessions:read']],
  ['execution_gateway', '/api/v1/sessions', ['sessions:read']],
];

test('a key with a single scope opens what the contract says, and nothing else', async () => {
  const deviations: string[] = [];
  for (const [app, path, opening] of SCOPES) {
    for (const [scope, headers] of Object.entries(tenants.scopedKeys)) {
      const { status } = await send(`${file.urls[app]}${path}`, 'GET', headers);
      const wanted = opening.includes(scope) ? 200 : 403;
      if (status !== wanted) deviations.push(`${app} GET ${path} with ${scope}: ${status} instead of ${wanted}`);
    }
  }
  expect(deviations).toEqual([]);
});

test('after all that the owner still has everything', async () => {
  const gone: string[] = [];
  for (const route of routes.filter(({ method, path }) => method === 'GET' && /\/\{[^}]+\}$/.test(path) && !path.includes('/health/'))) {
    const { status, text } = await knock(route, tenants.ownerHeaders[route.app], ownIds(route));
    if (status !== 200 || text.includes('tenant-renamed')) gone.push(`${title(route)}: ${status}`);
  }
  expect(gone).toEqual([]);
});
