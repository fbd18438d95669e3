import { freePort, waitFor } from '@agentfleet/testing';
import { aiwmStack, type Client, type Stack } from './aiwm-stack.fixture';

const SECRET = 'a secret of its own';
const PASSWORD = 'a quiet long password';

let stack: Stack;
beforeEach(async () => {
  stack = await aiwmStack();
});
afterEach(() => stack.close());

interface Credential {
  readonly what: string;
  /** Asks the other replica; what it answers once the credential has ended. */
  readonly ask: () => Promise<number>;
  readonly ended: number;
  readonly end: () => Promise<{ status: number }>;
}

async function credentials(here: Client, there: Client): Promise<readonly Credential[]> {
  const admin = await here.login();
  const agent = async (name: string) => {
    const id = await admin.create('/agents', { name, secret: SECRET });
    const token = String((await here.post(`/agents/${id}/connect`, { secret: SECRET })).body['token']);
    const caller = there.with({ Authorization: `Bearer ${token}` });
    return { path: `/agents/${id}`, ask: async () => (await caller.post(`/agents/${id}/heartbeat`, { status: 'online' })).status };
  };
  const user = async (username: string, role: string) => {
    const id = await admin.create('/users', { username, password: PASSWORD, roles: [role] });
    const { accessToken } = (await here.post('/auth/login', { username, password: PASSWORD })).body;
    return { path: `/users/${id}`, caller: there.with({ Authorization: `Bearer ${String(accessToken)}` }) };
  };
  const [suspended, rotated, deleted] = [await agent('Suspended'), await agent('Rotated'), await agent('Deleted')];
  const made = (await admin.post('/api-keys', { name: 'reader', scopes: ['agents:read'] })).body;
  const reader = there.with({ 'X-API-Key': String(made['key']) });
  const narrowed = (await admin.post('/api-keys', { name: 'narrowed', scopes: ['agents:read'] })).body;
  const narrowedReader = there.with({ 'X-API-Key': String(narrowed['key']) });
  const disabled = await user('disabled@localhost', 'organization.viewer');
  const demoted = await user('demoted@localhost', 'organization.editor');
  const removed = await user('removed@localhost', 'organization.viewer');
  return [
    { what: 'suspended agent', ask: suspended.ask, ended: 401, end: () => admin.patch(suspended.path, { status: 'suspended' }) },
    { what: 'rotated agent', ask: rotated.ask, ended: 401, end: () => admin.post(`${rotated.path}/credentials/regenerate`) },
    { what: 'deleted agent', ask: deleted.ask, ended: 404, end: () => admin.delete(deleted.path) },
    { what: 'revoked key', ask: async () => (await reader.get('/agents')).status, ended: 401, end: () => admin.delete(`/api-keys/${String(made['_id'])}`) },
    { what: 'narrowed key', ask: async () => (await narrowedReader.get('/agents')).status, ended: 403, end: () => admin.patch(`/api-keys/${String(narrowed['_id'])}`, { scopes: ['vps:read'] }) },
    { what: 'disabled user', ask: async () => (await disabled.caller.get('/agents')).status, ended: 401, end: () => admin.patch(disabled.path, { status: 'suspended' }) },
    { what: 'demoted user', ask: async () => (await demoted.caller.post('/nodes', {})).status, ended: 403, end: () => admin.patch(demoted.path, { roles: ['organization.viewer'] }) },
    { what: 'removed user', ask: async () => (await removed.caller.get('/agents')).status, ended: 401, end: () => admin.delete(removed.path) },
  ];
}

/** How long each credential lived on at the other replica after its end was answered, in milliseconds. */
async function endAll(all: readonly Credential[], timeoutMs: number): Promise<ReadonlyMap<string, number>> {
  for (const { what, ask } of all) expect([what, [200, 400].includes(await ask())]).toEqual([what, true]); // cached there from now on
  const lived = new Map<string, number>();
  const endings = all.map(async ({ what, ask, end, ended }) => {
    expect([what, (await end()).status]).toEqual([what, 200]);
    const startedAt = performance.now();
    await waitFor(`the end of the ${what}`, async () => (await ask()) === ended, { timeoutMs, everyMs: 100 });
    lived.set(what, performance.now() - startedAt);
  });
  await Promise.all(endings);
  return lived;
}

test('with the bus every end reaches the other replica within a second', async () => {
  const [here, there] = [await stack.boot(), await stack.boot()];
  await waitFor('the bus', () => here.running.services.bus.isUp && there.running.services.bus.isUp);
  const lived = await endAll(await credentials(here.client, there.client), 10_000);
  // what is cached lives 30 s: a notice is seen from any of these, also where a busy machine answers late
  for (const [what, ms] of lived) expect([what, ms < 5000]).toEqual([what, true]);
  expect(Math.min(...lived.values())).toBeLessThan(1000);
});

test('without the bus every end bites on the other replica within 30 s, the life of what is cached', async () => {
  const nowhere = { REDIS_URL: `redis://127.0.0.1:${await freePort()}` };
  const [here, there] = [await stack.boot(nowhere), await stack.boot(nowhere)];
  const lived = await endAll(await credentials(here.client, there.client), 60_000);
  for (const [what, ms] of lived) expect([what, ms < 35_000]).toEqual([what, true]);
  expect(Math.max(...lived.values())).toBeGreaterThan(1000); // else nothing was cached and this showed nothing
}, 120_000);
