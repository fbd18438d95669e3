import type { ApiKeyScope, Role } from '@agentfleet/contracts';
import { waitFor } from '@agentfleet/testing';
import { BridgeCaller } from './bridge.fixture';
import { TwoBridges } from './two-bridges.fixture';

let two: TwoBridges;

beforeAll(async () => {
  two = await TwoBridges.start();
});
afterAll(() => two.stop());

const MANAGE = ['vps:manage'] as const;
const READ = ['vps:read', 'vps:call', 'vps:manage'] as const;
const SESSIONS = ['vps:read', 'sessions:read', 'vps:manage'] as const;
const ROUTES: readonly (readonly [method: string, path: string, scopes: readonly ApiKeyScope[]])[] = [
  ['POST', '/register', MANAGE],
  ['DELETE', '/agents/x', MANAGE],
  ['POST', '/health/x/reset', MANAGE],
  ['DELETE', '/sessions/x', MANAGE],
  ['POST', '/sessions/cleanup', MANAGE],
  ['POST', '/sessions/import', MANAGE],
  ['GET', '/sessions/export', MANAGE],
  ['POST', '/call', ['vps:call']],
  ['POST', '/call/async', ['vps:call']],
  ['POST', '/call/stream', ['vps:call']],
  ['GET', '/calls', READ],
  ['GET', '/calls/call_x', READ],
  ['GET', '/agents', READ],
  ['GET', '/agents/x', READ],
  ['GET', '/health', READ],
  ['GET', '/health/x', READ],
  ['GET', '/status', READ],
  ['GET', '/sessions', SESSIONS],
  ['GET', '/sessions/x', SESSIONS],
  ['GET', '/sessions/x/messages', SESSIONS],
];
const ALL_SCOPES: readonly ApiKeyScope[] = ['agents:read', 'agents:write', 'vps:read', 'vps:call', 'vps:manage', 'sessions:read', 'sessions:execute', 'cluster:register', 'clusters:read', 'clusters:manage', 'runtimes:manage'];
const ROLES: readonly Role[] = ['universe.owner', 'organization.owner', 'organization.editor', 'organization.viewer'];

const as = (headers: Readonly<Record<string, string>>) => two.caller(0, headers);
/** The status of a request that would be refused for its body, if for nothing else: nothing is changed. */
const statusOf = async (caller: BridgeCaller, method: string, path: string) =>
  (await caller.ask(method, `/api/vps${path}`, method === 'POST' && !/reset|cleanup/.test(path) ? { body: {} } : {})).status;
const allowed = (status: number) => status !== 403 && status !== 401;

it('every route asks for one of its scopes, and for no other', async () => {
  for (const scope of ALL_SCOPES) {
    const caller = as((await two.identity.apiKey({ scopes: [scope] })).headers);
    for (const [method, path, scopes] of ROUTES) {
      expect([scope, method, path, allowed(await statusOf(caller, method, path))]).toEqual([scope, method, path, scopes.includes(scope)]);
    }
  }
});

it('viewers read, editors and owners do everything, agents nothing, strangers nothing', async () => {
  for (const role of ROLES) {
    const caller = as((await two.identity.user({ roles: [role] })).headers);
    for (const [method, path, scopes] of ROUTES) {
      const mayRead = scopes === READ || scopes === SESSIONS;
      expect([role, method, path, allowed(await statusOf(caller, method, path))]).toEqual([role, method, path, role !== 'organization.viewer' || mayRead]);
    }
  }
  const agent = as({ Authorization: `Bearer ${await two.identity.agentToken()}` });
  for (const [method, path] of ROUTES) {
    expect([path, await statusOf(agent, method, path)]).toEqual([path, 403]);
    expect([path, await statusOf(as({}), method, path)]).toEqual([path, 401]);
  }
});

it.each<[string, Readonly<Record<string, string>>, number]>([
  ['a bearer without a value', { Authorization: 'Bearer' }, 401],
  ['another scheme', { Authorization: 'Basic eDp5' }, 401],
  ['a key that is nearly right', { 'X-API-Key': 'a-static-key-of-the-bridg' }, 401],
  ['a key that goes on', { Authorization: 'Bearer a-static-key-of-the-bridge x' }, 401],
  ['a wrong key beside a right bearer', { 'X-API-Key': 'wrong', Authorization: 'Bearer a-static-key-of-the-bridge' }, 401],
  ['a right key beside a wrong bearer', { 'X-API-Key': 'a-static-key-of-the-bridge', Authorization: 'Bearer wrong' }, 200],
  ['an empty key beside a right bearer', { 'X-API-Key': '', Authorization: 'Bearer a-static-key-of-the-bridge' }, 200],
])('%s', async (_name, headers, status) => {
  expect((await as(headers).get('/api/vps/agents')).status).toBe(status);
  expect((await as({}).get('/api/vps/agents?api_key=a-static-key-of-the-bridge&token=a-static-key-of-the-bridge')).status).toBe(401);
});

it('a universe owner acts in the organization that it names, everybody else in their own', async () => {
  const orgId = await two.identity.organization();
  const universe = await two.identity.user({ roles: ['universe.owner'] });
  const there = as({ ...universe.headers, 'X-Organization-Id': orgId });
  await two.one.register('at-home', 80);
  expect((await there.register('far-away', 80)).status).toBe(201);
  const names = async (caller: BridgeCaller) => ((await caller.get('/api/vps/agents')).body['agents'] as { name: string }[]).map(({ name }) => name);
  expect(await names(there)).toEqual(['far-away']);
  expect(await names(as(universe.headers))).toEqual(['at-home']);
  const owner = await two.identity.user({ roles: ['organization.owner'] });
  expect(await names(as({ ...owner.headers, 'X-Organization-Id': orgId }))).toEqual(['at-home']);
  const key = await two.identity.apiKey({ scopes: ['vps:read'] });
  expect(await names(as({ ...key.headers, 'X-Organization-Id': orgId }))).toEqual(['at-home']);
  const nowhere = await as({ ...universe.headers, 'X-Organization-Id': 'ffffffffffffffffffffffff' }).get('/api/vps/agents');
  expect([nowhere.status, nowhere.body['code']]).toEqual([404, 'not_found']);
  const wrong = await as({ ...universe.headers, 'X-Organization-Id': '__proto__' }).get('/api/vps/agents');
  expect([wrong.status, wrong.body['code'], wrong.body['errors']]).toEqual([422, 'validation_failed', [{ field: 'X-Organization-Id', message: 'must be 24 lower-case hex digits' }]]);
});

it("holds an API key to its own limits, and no other key with it", async () => {
  const limited = as((await two.identity.apiKey({ scopes: ['vps:read'], limits: { requestsPerMinute: 3 } })).headers);
  const free = as((await two.identity.apiKey({ scopes: ['vps:read'] })).headers);
  const statuses: number[] = [];
  // a window may end in between: then one more fits
  const refused = await waitFor('the limit', async () => {
    const answer = await limited.get('/api/vps/agents');
    statuses.push(answer.status);
    return answer.status === 429 ? answer : null;
  });
  expect(statuses.length).toBeLessThanOrEqual(7);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
  expect(refused.body).toMatchObject({ code: 'rate_limited', detail: expect.any(String) });
  const many = await Promise.all(Array.from({ length: 300 }, () => free.get('/api/vps/agents')));
  expect(many.every(({ status }) => status === 200)).toBe(true);
});

it('failed authentications above 600 a minute are 429, and valid credentials from there never are', async () => {
  const wrong = as({ 'X-API-Key': 'wrong' });
  const statuses = new Map<number, number>();
  for (let n = 0; n < 14; n++) {
    for (const { status } of await Promise.all(Array.from({ length: 100 }, () => wrong.get('/api/vps/agents')))) statuses.set(status, (statuses.get(status) ?? 0) + 1);
  }
  expect([...statuses.keys()].sort()).toEqual([401, 429]);
  expect(statuses.get(401)).toBeLessThanOrEqual(1200); // two windows at most
  const refused = await wrong.ask('POST', '/api/vps/nowhere', { raw: '{' });
  expect([refused.status, refused.body['code']]).toEqual([429, 'rate_limited']);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
  const valid = await Promise.all(Array.from({ length: 100 }, () => two.one.get('/api/vps/agents')));
  expect(valid.every(({ status }) => status === 200)).toBe(true);
});
