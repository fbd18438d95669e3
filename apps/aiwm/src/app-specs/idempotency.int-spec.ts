import { request } from 'node:http';
import { mongo } from 'mongoose';
import { waitFor } from '@agentfleet/testing';
import { aiwmStack, type Client, type Stack } from './aiwm-stack.fixture';

let stack: Stack;
let client: Client;
let admin: Client;
let closeFirst: () => Promise<void>;
beforeEach(async () => {
  stack = await aiwmStack();
  const first = await stack.boot();
  closeFirst = () => first.running.close();
  client = first.client;
  admin = await client.login();
});
afterEach(() => stack.close());

/** Sends a request whose answer nobody reads; hang up with the function that it returns. */
function sendOnly(path: string, key: string, body: object): () => void {
  const headers = { ...admin.headers, 'Content-Type': 'application/json', 'Idempotency-Key': key };
  const sent = request(`${client.url}${path}`, { method: 'POST', headers });
  sent.on('error', () => undefined).end(JSON.stringify(body));
  return () => sent.destroy();
}

test('whenever what was made can be seen, its answer is kept too: a crash in between loses nothing', async () => {
  const { db } = stack.database;
  const session = db.client.startSession();
  let isOver = false;
  const torn: string[] = [];
  let looks = 0;
  const looking = (async () => {
    while (!isOver) {
      session.startTransaction({ readConcern: { level: 'snapshot' } });
      const made = await db.collection('instructions').countDocuments({}, { session });
      const kept = await db.collection<{ _id: string }>('idempotency_keys').countDocuments({ _id: /:answer$/ }, { session });
      await session.commitTransaction();
      looks++;
      if (made !== kept) torn.push(`${made} made, ${kept} kept`);
    }
  })();
  const body = { name: 'Once', systemPrompt: 'You are a helpful assistant.' };
  for (let i = 0; i < 60; i++) expect((await admin.ask('POST', '/instructions', body, { 'Idempotency-Key': `key ${i}` })).status).toBe(201);
  isOver = true;
  await looking;
  await session.endSession();
  expect(looks).toBeGreaterThan(5);
  expect(torn).toEqual([]);
});

test('the answer was lost and the replica is gone: the retry gets the first answer from another one, and there is one document', async () => {
  const { client: second } = await stack.boot();
  const again = second.with(admin.headers);
  const agents = stack.database.db.collection('agents');
  const hangUp = sendOnly('/agents', 'lost answer', { name: 'Made once' });
  await waitFor('the document', async () => (await agents.countDocuments({ name: 'Made once' })) === 1);
  hangUp();
  await closeFirst();
  const replay = await again.ask('POST', '/agents', { name: 'Made once' }, { 'Idempotency-Key': 'lost answer' });
  expect([replay.status, replay.headers.get('idempotency-replayed')]).toEqual([201, 'true']);
  expect(await agents.countDocuments({ name: 'Made once' })).toBe(1);
  const read = await again.get(`/agents/${String(replay.body['_id'])}`);
  expect(replay.body).toEqual(read.body);
});

test('a replayed rotation shows the same secret, which is kept encrypted and for ten minutes only', async () => {
  const id = await admin.create('/agents', { name: 'Rotated' });
  const rotate = () => admin.ask('POST', `/agents/${id}/credentials/regenerate`, {}, { 'Idempotency-Key': 'rotate' });
  const first = await rotate();
  const second = await rotate();
  expect([second.status, second.headers.get('idempotency-replayed'), second.headers.get('cache-control')]).toEqual([200, 'true', 'no-store']);
  expect(second.body).toEqual(first.body);
  const kept = await stack.database.db.collection<{ _id: string; expiresAt: Date }>('idempotency_keys').find({ _id: /:answer$/ }).toArray();
  expect(kept.map(({ expiresAt }) => Math.round((expiresAt.getTime() - Date.now()) / 60_000))).toEqual([10]);
  expect(JSON.stringify(kept)).not.toContain(String(first.body['secret']));
  expect((await client.post(`/agents/${id}/connect`, { secret: first.body['secret'] })).status).toBe(200);
});

test('another body is 422, another caller or organization has keys of its own, a refused request leaves its key free', async () => {
  const make = (body: object, caller = admin) => caller.ask('POST', '/nodes', body, { 'Idempotency-Key': 'k' });
  expect((await make({ name: 'n' })).status).toBe(400);
  expect((await make({ name: 'n', role: ['worker'] })).status).toBe(201);
  expect((await make({ name: 'm', role: ['worker'] })).body).toMatchObject({ statusCode: 422, code: 'IDEMPOTENCY_MISMATCH' });
  const orgId = await admin.create('/organizations', { name: 'elsewhere' });
  const elsewhere = await make({ name: 'm', role: ['worker'] }, admin.with({ ...admin.headers, 'X-Organization-Id': orgId }));
  expect([elsewhere.status, elsewhere.headers.get('idempotency-replayed')]).toEqual([201, null]);
  for (const key of ['', 'x'.repeat(256), 'é']) {
    const { status } = await admin.ask('POST', '/nodes', { name: 'x', role: ['worker'] }, { 'Idempotency-Key': key });
    expect([key.slice(0, 3), status]).toEqual([key.slice(0, 3), 400]);
  }
  expect(await stack.database.db.collection('nodes').countDocuments({ _id: { $type: mongo.BSONType.objectId } })).toBe(2);
});
