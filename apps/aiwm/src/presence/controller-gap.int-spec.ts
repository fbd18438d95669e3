import { waitFor } from '@agentfleet/testing';
import { aiwmStack, type Client, type Stack } from '../app-specs/aiwm-stack.fixture';

const SECRET = 'a secret of its own';
const AWAY_MS = 1_000_000;
const MS = { AIWM_HEARTBEAT_TIMEOUT_S: '4' };

let stack: Stack;
beforeEach(async () => {
  stack = await aiwmStack();
});
afterEach(() => stack.close());

/** As if all that is stored had happened earlier: the control plane was away for that long. */
async function age(ms: number): Promise<void> {
  const earlier = (field: string) => ({ $cond: [{ $eq: [{ $type: `$${field}` }, 'date'] }, { $subtract: [`$${field}`, ms] }, `$${field}`] });
  const fields = ['lastConnectedAt', 'lastHeartbeatAt', 'reportedSince', 'shownAt'];
  await stack.database.db.collection('agent_presence').updateMany({}, [{ $set: Object.fromEntries(fields.map((field) => [field, earlier(field)])) }]);
  await stack.database.db.collection('app_outages').updateMany({}, [{ $set: { alive_at: earlier('alive_at') } }]);
}

async function history(admin: Client, id: string): Promise<string[]> {
  const answer = await admin.get(`/agents/${id}/presence-history`);
  return (answer.body.data ?? []).map(({ from, to, reason }) => `${from} ${to} ${reason}`).reverse();
}

test('a restart of the control plane makes nobody offline, and shows nobody online unheard', async () => {
  const before = await stack.boot(MS);
  const admin = await before.client.login();
  const id = await admin.create('/agents', { name: 'Waiting', secret: SECRET });
  const silent = await admin.create('/agents', { name: 'Silent before', secret: SECRET });
  for (const agent of [silent, id]) expect((await before.client.post(`/agents/${agent}/connect`, { secret: SECRET })).status).toBe(200);
  await waitFor('the history', async () => (await history(admin, id)).length === 1 && (await history(admin, silent)).length === 1);
  await before.running.close();
  await age(AWAY_MS);
  const bootedAt = Date.now();
  const { client } = await stack.boot(MS);
  const again = client.with(admin.headers);
  const [first, agents] = [await again.get(`/agents/${id}`), await again.get('/agents?filter[connectionStatus]=stale')];
  expect(first.body).toMatchObject({ connectionStatus: 'stale', presence: { status: 'stale', reason: 'controller_gap' } });
  const since = Date.parse((first.body['presence'] as { since: string }).since);
  expect([since >= bootedAt, since <= Date.now()]).toEqual([true, true]);
  expect(agents.body['pagination']).toMatchObject({ total: 2 });
  const apps = await stack.database.db.collection('app_outages').find().toArray();
  expect(apps.map(({ outages }) => (outages as unknown[]).length)).toEqual([1]);
  const seen = new Set<string>();
  await waitFor('offline once it was heard for longer than the timeout', async () => {
    const { presence } = (await again.get(`/agents/${id}`)).body as { presence: { status: string; reason: string } };
    seen.add(`${presence.status} ${presence.reason}`);
    return presence.status === 'offline';
  }, { timeoutMs: 20_000 });
  expect([...seen]).toEqual(['stale controller_gap', 'stale heartbeat_late', 'offline heartbeat_timeout']);
  await waitFor('the history', async () => (await history(again, id)).length === 3);
  expect(await history(again, id)).toEqual(['never_connected online connected', 'online stale controller_gap', 'stale offline heartbeat_timeout']);
});

test('a second replica that becomes ready records no second gap, and a short absence none', async () => {
  const first = await stack.boot(MS);
  await stack.boot(MS);
  await first.running.close();
  await age(10_000);
  await stack.boot(MS);
  const apps = await stack.database.db.collection('app_outages').find().toArray();
  expect(apps.map(({ outages }) => outages)).toEqual([[]]);
});
