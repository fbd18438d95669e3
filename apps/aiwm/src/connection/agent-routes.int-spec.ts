import { mongo } from 'mongoose';
import { aiwmStack, type Client, type Stack } from '../app-specs/aiwm-stack.fixture';

const SECRET = 'a secret of its own';
let stack: Stack;
let anonymous: Client;
let admin: Client;
beforeAll(async () => {
  stack = await aiwmStack();
  ({ client: anonymous } = await stack.boot());
  admin = await anonymous.login();
});
afterAll(() => stack.close());

async function connected(name: string): Promise<{ id: string; path: string; agent: Client }> {
  const id = await admin.create('/agents', { name, secret: SECRET });
  const { token } = (await anonymous.post(`/agents/${id}/connect`, { secret: SECRET })).body;
  return { id, path: `/agents/${id}`, agent: anonymous.with({ Authorization: `Bearer ${String(token)}` }) };
}

test('what the token may do is decided before the body is validated', async () => {
  const [live, suspended, deleted] = [await connected('Live'), await connected('Suspended'), await connected('Deleted')];
  await admin.patch(suspended.path, { status: 'suspended' });
  await admin.delete(deleted.path);
  for (const [route, bad] of [['heartbeat', { status: 'GONE' }], ['disconnect', { reason: 5 }]] as const) {
    const ask = async (caller: Client, path: string) => {
      const { status, body } = await caller.post(`${path}/${route}`, bad);
      return [status, body['code']];
    };
    expect(await ask(anonymous, live.path)).toEqual([401, 'UNAUTHENTICATED']);
    expect(await ask(admin, live.path)).toEqual([403, 'FORBIDDEN']);
    expect(await ask(live.agent, suspended.path)).toEqual([403, 'TOKEN_NOT_FOR_THIS_AGENT']);
    expect(await ask(deleted.agent, deleted.path)).toEqual([404, 'NOT_FOUND']);
    expect(await ask(suspended.agent, suspended.path)).toEqual([401, 'TOKEN_REVOKED']);
    expect(await ask(live.agent, live.path)).toEqual([400, 'VALIDATION_FAILED']);
  }
  expect((await admin.get(live.path)).body).toMatchObject({ lastHeartbeatAt: null, connectionStatus: 'online' });
});

test('a deletion raises the version of the tokens, so that none is good anywhere', async () => {
  const { id, path } = await connected('Versioned');
  const stored = () => stack.database.db.collection('agents').findOne({ _id: new mongo.ObjectId(id) });
  expect(await stored()).toMatchObject({ tokenVersion: 1, isDeleted: false });
  await admin.delete(path);
  expect(await stored()).toMatchObject({ tokenVersion: 2, isDeleted: true });
});

test('a configuration that the agent has is not sent again, whichever way it says so', async () => {
  const { path, agent } = await connected('Cached');
  const config = (tag: string) => agent.ask('GET', `${path}/config`, undefined, { 'If-None-Match': tag });
  for (const tag of ['"r1"', 'W/"r1"', '"r0", "r1"', '*']) {
    const answer = await config(tag);
    expect([tag, answer.status, answer.body, answer.headers.get('etag')]).toEqual([tag, 304, {}, '"r1"']);
  }
  for (const tag of ['"r2"', 'r1', '"r1-redacted"', '']) expect([tag, (await config(tag)).status]).toEqual([tag, 200]);
});

test('a heartbeat shows in the next read before it is written, and connects and disconnects after it win', async () => {
  const { id, path, agent } = await connected('Overlaid');
  const status = async () => (await admin.get(path)).body['connectionStatus'];
  for (const beat of ['busy', 'idle', 'online', 'busy'] as const) {
    await agent.post(`${path}/heartbeat`, { status: beat, metrics: { beat } });
    expect((await admin.get(path)).body).toMatchObject({ connectionStatus: beat, metrics: { beat }, metricsAt: expect.any(String) });
  }
  const { body } = await anonymous.post(`/agents/${id}/connect`, { secret: SECRET });
  const again = anonymous.with({ Authorization: `Bearer ${String(body['token'])}` });
  expect(await status()).toBe('online');
  await again.post(`${path}/heartbeat`, { status: 'idle' });
  await again.post(`${path}/disconnect`, { reason: 'done' });
  expect(await status()).toBe('offline');
  await again.post(`${path}/heartbeat`, { status: 'idle' });
  expect(await status()).toBe('idle');
});
