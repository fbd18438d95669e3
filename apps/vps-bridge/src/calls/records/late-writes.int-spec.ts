import { json, says, waitFor } from '@agentfleet/testing';
import { TwoBridges } from '../../app-specs/two-bridges.fixture';
import { CallRepository, type OpenCall } from './call.repository';
import type { CallDocument } from './call.schema';

let two: TwoBridges;

beforeAll(async () => {
  two = await TwoBridges.start();
});
afterAll(() => two.stop());

const keyed = (key: string, body: object, from = two.one) => from.ask('POST', '/api/vps/call', { body, headers: { 'Idempotency-Key': key } });
const calls = () => two.database.db.collection<CallDocument>('vps_calls');
const session = async (id: string) => (await two.one.get(`/api/vps/sessions/${id}`)).body;

it('an opening that lands after the end of its call changes nothing', async () => {
  const repository = two.replicas[0]!.app.get(CallRepository, { strict: false });
  const at = new Date(); // an older one would be removed as expired
  const base = { orgId: 'o', kind: 'sync' as const, agentName: 'a', sessionId: null, userId: null };
  const opening: OpenCall = { ...base, callId: 'call_late', status: 'running', createdAtMs: at.getTime(), request: null, key: undefined, holder: 'h', attempted: true, chain: [] };
  await repository.replaceEnded([{ ...base, _id: 'call_late', status: 'succeeded', createdAt: at, startedAt: at, finishedAt: at, result: null }]);
  const before = await calls().findOne({ _id: 'call_late' });
  await repository.openMany([opening]);
  await repository.open(opening);
  expect(await calls().findOne({ _id: 'call_late' })).toEqual(before);
  await repository.openMany([{ ...opening, callId: 'call_new' }, { ...opening, callId: 'call_new', agentName: 'again' }]);
  expect(await calls().findOne({ _id: 'call_new' })).toMatchObject({ status: 'running', finishedAt: null, open: true, agentName: 'again', leaseUntil: expect.any(Date) });
});

it('an asynchronous call that goes on elsewhere brings its metadata again, and its prompt once', async () => {
  const { name, agent } = await two.agent(says('one'));
  const body = { agent_name: name, prompt: 'p', session_id: 'halfway', metadata: { a: 1, $b: 2 } };
  const { body: accepted } = await two.one.ask('POST', '/api/vps/call/async', { body });
  const callId = String(accepted['call_id']);
  const ended = await waitFor('the call', async () => {
    const found = await calls().findOne({ _id: callId });
    return found?.status === 'succeeded' ? found : null;
  });
  // as a replica that was killed between the two writes of the prompt would have left it
  await two.database.db.collection('vps_sessions').updateOne({ sessionId: 'halfway' }, { $set: { metadata: {} } });
  await two.database.db.collection('vps_messages').deleteMany({ callId, role: 'assistant' });
  const request = { prompt: 'p', metadata: JSON.stringify(body.metadata), includeHistory: false, deadlineSeconds: null, callerId: 'c', correlationId: null, traceparent: null };
  await calls().updateOne({ _id: callId }, {
    $set: { status: 'queued', result: null, finishedAt: null, open: true, holder: 'vps-bridge-dead0000', attempted: false, leaseUntil: new Date(0), request, chain: ended.chain ?? [] },
  });
  await waitFor('the call to be made again', async () => (await calls().findOne({ _id: callId }))?.status === 'succeeded');
  expect(agent.requests).toHaveLength(2);
  const { messages, metadata } = await session('halfway');
  expect(messages).toMatchObject([{ role: 'user', content: 'p' }, { role: 'assistant', content: 'one' }]);
  expect(metadata).toEqual(body.metadata);
});

it('a call whose prompt is stored too late is refused; its repetition goes on with it, and the prompt is there once', async () => {
  const { name, agent } = await two.agent(says('early'), says('two'));
  await two.one.call(name, { session_id: 'late', prompt: 'first' });
  const messages = two.database.db.collection('vps_messages');
  const first = await messages.findOne({ content: 'early' });
  // a transaction that holds the next place of the session keeps MongoDB from taking the prompt
  const blocker = two.database.db.client.startSession();
  blocker.startTransaction();
  await messages.insertOne({ sessionKey: first?.['sessionKey'], seq: 3 }, { session: blocker });
  const body = { agent_name: name, prompt: 'p', session_id: 'late', metadata: { a: 1 }, deadline_seconds: 1 };
  try {
    const refused = await keyed('late', body);
    expect([refused.status, refused.body['code']]).toEqual([503, 'storage_unavailable']);
    expect((await keyed('late', body)).body['code']).toBe('call_in_progress'); // its prompt is on its way
  } finally {
    await blocker.abortTransaction();
    await blocker.endSession();
  }
  const again = await waitFor('the repetition to be made', async () => {
    const answers = await Promise.all([keyed('late', body), keyed('late', body, two.other)]);
    return answers.find(({ status }) => status === 200);
  });
  expect(again.body).toMatchObject({ success: true, response: 'two' });
  expect(again.headers.get('idempotency-replayed')).toBeNull();
  expect((await keyed('late', body)).headers.get('idempotency-replayed')).toBe('true');
  expect(agent.requests).toHaveLength(2);
  const shown = await session('late');
  expect(shown['messages']).toMatchObject([{ content: 'first' }, { content: 'early' }, { role: 'user', content: 'p' }, { role: 'assistant', content: 'two' }]);
  expect([shown['total_messages'], shown['metadata']]).toEqual([4, { a: 1 }]);
});

it('a refused call leaves its key free for another body too', async () => {
  const { name, agent } = await two.agent(json(400, {}), says('other'));
  const body = { agent_name: name, prompt: 'p', session_id: 'freed' };
  const { body: made } = await keyed('freed', body);
  await calls().updateOne({ _id: String(made['call_id']) }, { $set: { refused: true } });
  expect((await keyed('freed', { ...body, prompt: 'another' })).body).toMatchObject({ success: true, response: 'other' });
  expect((await keyed('freed', body)).body['code']).toBe('idempotency_key_reused');
  expect(agent.requests).toHaveLength(2);
});
