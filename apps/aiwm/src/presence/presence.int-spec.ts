import { waitFor } from '@agentfleet/testing';
import { aiwmStack, type Client, type Stack } from '../app-specs/aiwm-stack.fixture';

const SHORT = { AIWM_HEARTBEAT_TIMEOUT_S: '3' };

let stack: Stack;
let anonymous: Client;
let admin: Client;
beforeAll(async () => {
  stack = await aiwmStack();
  ({ client: anonymous } = await stack.boot(SHORT));
  await stack.boot(SHORT);
  admin = await anonymous.login();
});
afterAll(() => stack.close());

async function connected(name: string): Promise<{ id: string; agent: Client }> {
  const id = await admin.create('/agents', { name, secret: 'a secret of its own' });
  const answer = await anonymous.post(`/agents/${id}/connect`, { secret: 'a secret of its own' });
  expect(answer.status).toBe(200);
  return { id, agent: anonymous.with({ Authorization: `Bearer ${String(answer.body['token'])}` }) };
}

async function transitions(id: string): Promise<string[]> {
  const answer = await admin.get(`/agents/${id}/presence-history`);
  return (answer.body.data ?? []).map(({ from, to, reason }) => `${from} ${to} ${reason}`).reverse();
}

test('an agent that falls silent is late, then offline with the reason; two replicas write each change once', async () => {
  const { id } = await connected('Silent');
  await waitFor('the change', async () => (await admin.get(`/agents/${id}`)).body['connectionStatus'] === 'offline', { timeoutMs: 30_000 });
  expect((await admin.get(`/agents/${id}`)).body['presence']).toMatchObject({ status: 'offline', reason: 'heartbeat_timeout', nextExpectedAt: null });
  const expected = ['never_connected online connected', 'online stale heartbeat_late', 'stale offline heartbeat_timeout'];
  await waitFor('the change', async () => (await transitions(id)).length === 3);
  expect(await transitions(id)).toEqual(expected);
  expect((await admin.get(`/agents/${id}/presence-history?limit=1`)).body.data).toHaveLength(1);
  for (const limit of ['0', '1001', 'x', '1.5']) expect((await admin.get(`/agents/${id}/presence-history?limit=${limit}`)).status).toBe(400);
  expect((await admin.get('/agents/ffffffffffffffffffffffff/presence-history')).status).toBe(404);
  const { text } = await anonymous.get('/metrics');
  expect(text).toMatch(/aiwm_agents\{connection_status="offline"\} 1/);
});

test('changes that requests cause are told at once, with the words of the agent', async () => {
  const { id, agent } = await connected('Talkative');
  await agent.post(`/agents/${id}/heartbeat`, { status: 'busy' });
  await waitFor('the change', async () => (await transitions(id)).at(-1)?.includes(' busy ') === true);
  await agent.post(`/agents/${id}/heartbeat`, { status: 'busy' });
  await agent.post(`/agents/${id}/disconnect`, { reason: 'shutdown' });
  await waitFor('the change', async () => (await transitions(id)).at(-1)?.endsWith('disconnected') === true);
  expect((await admin.get(`/agents/${id}/presence-history?limit=1`)).body.data?.[0]).toMatchObject({ from: 'busy', to: 'offline', detail: 'shutdown' });
});

test('only the newest connect says goodbye: a replaced process that ends late does not show its successor offline', async () => {
  const { id, agent: replaced } = await connected('Replaced');
  const { body } = await anonymous.post(`/agents/${id}/connect`, { secret: 'a secret of its own' });
  const successor = anonymous.with({ Authorization: `Bearer ${String(body['token'])}` });
  const status = async () => (await admin.get(`/agents/${id}`)).body['connectionStatus'];
  const late = await replaced.post(`/agents/${id}/disconnect`, { reason: 'replaced' });
  expect([late.status, late.body, await status()]).toEqual([200, { success: true }, 'online']);
  expect((await replaced.post(`/agents/${id}/heartbeat`, { status: 'online' })).status).toBe(200); // its token is still good
  await successor.post(`/agents/${id}/disconnect`, {});
  expect(await status()).toBe('offline');
});

test('a heartbeat right after a disconnect begins a new time', async () => {
  const { id, agent } = await connected('Quick');
  await agent.post(`/agents/${id}/heartbeat`, { status: 'busy' });
  await agent.post(`/agents/${id}/disconnect`, {});
  const { since: gone } = (await admin.get(`/agents/${id}`)).body['presence'] as { since: string };
  await agent.post(`/agents/${id}/heartbeat`, { status: 'busy' });
  const { status, since } = (await admin.get(`/agents/${id}`)).body['presence'] as { status: string; since: string };
  expect(status).toBe('busy');
  expect(since >= gone).toBe(true);
});

test('a lifted suspension is told as what it is: later than the suspension, and since then', async () => {
  const { id } = await connected('Lifted');
  await waitFor('the connect', async () => (await transitions(id)).length === 1);
  await admin.patch(`/agents/${id}`, { status: 'suspended' });
  await waitFor('the suspension', async () => (await transitions(id)).at(-1)?.endsWith('suspended') === true);
  const { since: suspendedAt } = (await admin.get(`/agents/${id}`)).body['presence'] as { since: string };
  await admin.patch(`/agents/${id}`, { status: 'active' });
  const { since: liftedAt } = (await admin.get(`/agents/${id}`)).body['presence'] as { since: string };
  expect(liftedAt > suspendedAt).toBe(true);
  await waitFor('the end of it', async () => (await transitions(id)).length === 3);
  const history = (await admin.get(`/agents/${id}/presence-history`)).body.data ?? [];
  expect(history.map(({ to, at }) => [to, at])).toEqual([['online', liftedAt], ['offline', suspendedAt], ['online', expect.any(String)]]);
});

test('agents are sorted by their connection, those that never connected first', async () => {
  const names = async (sort: string) => ((await admin.get(`/agents?filter[name]=Sorted&${sort}`)).body.data ?? []).map(({ name }) => name);
  await admin.create('/agents', { name: 'Sorted none' });
  const first = await connected('Sorted first');
  const second = await connected('Sorted second');
  await second.agent.post(`/agents/${second.id}/heartbeat`, { status: 'idle' });
  await first.agent.post(`/agents/${first.id}/heartbeat`, { status: 'idle' });
  expect(await names('sort[lastConnectedAt]=1')).toEqual(['Sorted none', 'Sorted first', 'Sorted second']);
  expect(await names('sort[lastConnectedAt]=-1&limit=1&page=2')).toEqual(['Sorted first']);
  expect(await names('sort[lastHeartbeatAt]=-1')).toEqual(['Sorted first', 'Sorted second', 'Sorted none']);
});
