import { Cable, waitedFor, waitFor } from '@agentfleet/testing';
import { ADMIN, aiwmStack, type Answer, type Client, type Stack } from './aiwm-stack.fixture';

const SECRET = 'a secret of its own';

let stack: Stack;
let cable: Cable;
let anonymous: Client;
beforeEach(async () => {
  stack = await aiwmStack();
  cable = await Cable.to(stack.database.mongodbUri);
  ({ client: anonymous } = await stack.boot({ MONGODB_URI: cable.mongodbUri }));
});
afterEach(async () => {
  await stack.close();
  await cable.close();
});

test('MongoDB goes: what agents and readers ask is 503 within 3 s, however many ask and for how long; it comes back: no restart, nothing lost', async () => {
  const admin = await anonymous.login();
  const id = await admin.create('/agents', { name: 'Working', secret: SECRET });
  const { token } = (await anonymous.post(`/agents/${id}/connect`, { secret: SECRET })).body;
  const agent = anonymous.with({ Authorization: `Bearer ${String(token)}` });
  expect((await agent.post(`/agents/${id}/heartbeat`, { status: 'online' })).status).toBe(200);
  const asks: [what: string, ask: () => Promise<Answer>][] = [
    ['connect', () => anonymous.post(`/agents/${id}/connect`, { secret: SECRET })],
    ['login', () => anonymous.post('/auth/login', ADMIN)],
    ['list', () => admin.get('/agents')],
    ['read', () => admin.get(`/agents/${id}`)],
    ['disconnect', () => agent.post(`/agents/${id}/disconnect`, {})],
    ['config', () => agent.get(`/agents/${id}/config`)],
    ['audit', () => admin.get('/audit-log')],
    ['create', () => admin.post('/agents', { name: 'Too late' })],
    ['suspend', () => admin.patch(`/agents/${id}`, { status: 'suspended' })],
  ];
  cable.pull();
  await waitFor('MongoDB is missed', async () => (await anonymous.get('/health/ready')).status === 503, { timeoutMs: 10_000 });
  // a heartbeat in the status that is known is taken: it is written when MongoDB is back
  expect((await agent.post(`/agents/${id}/heartbeat`, { status: 'online', metrics: { taken: 'meanwhile' } })).status).toBe(200);
  for (let round = 0; round < 3; round++) {
    const answers = await Promise.all(
      [...asks, ...asks].map(async ([what, ask]) => {
        await new Promise((resolve) => setImmediate(resolve));
        const { result, waitedMs } = await waitedFor(ask);
        const { status, body, headers } = result;
        return { what, status, code: body['code'], late: waitedMs > 3000 ? waitedMs : 0, hasRetryAfter: headers.get('retry-after') !== null };
      }),
    );
    const expected = { status: 503, code: 'UNAVAILABLE', late: 0, hasRetryAfter: true };
    expect(answers).toEqual([...asks, ...asks].map(([what]) => ({ what, ...expected })));
  }
  expect((await anonymous.get('/health')).body).toMatchObject({ status: 'down', details: { database: { status: 'down' }, redis: { status: 'up' } } });
  const { text: metrics } = await anonymous.get('/metrics');
  expect(metrics).toMatch(/aiwm_agent_connects_total\{result="failed"\} 6/);
  expect(metrics).not.toMatch(/aiwm_agent_connects_total\{result="(invalid|unknown|overloaded)"\}/);
  cable.putBack();
  await waitFor('MongoDB is back', async () => (await admin.get(`/agents/${id}`)).body['metrics'] !== undefined, { timeoutMs: 10_000 });
  expect((await admin.get(`/agents/${id}`)).body).toMatchObject({ connectionCount: 1, connectionStatus: 'online', metrics: { taken: 'meanwhile' } });
  expect((await anonymous.post(`/agents/${id}/connect`, { secret: SECRET })).status).toBe(200);
}, 60_000);
