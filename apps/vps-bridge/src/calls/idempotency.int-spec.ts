import { json, says, waitFor } from '@agentfleet/testing';
import { TwoBridges } from '../app-specs/two-bridges.fixture';

let two: TwoBridges;

beforeAll(async () => {
  two = await TwoBridges.start();
});
afterAll(() => two.stop());

const keyed = (key: string, body: object, from = two.one, path = '/api/vps/call') => from.ask('POST', path, { body, headers: { 'Idempotency-Key': key } });

it('acts once, and gives the stored answer to every repetition', async () => {
  const { name, agent } = await two.agent(says('once'));
  const body = { agent_name: name, prompt: 'p', session_id: 'keyed', metadata: { a: 1, b: 2 } };
  const first = await keyed('k1', body);
  expect(first.body).toMatchObject({ success: true, response: 'once' });
  expect(first.headers.get('idempotency-replayed')).toBeNull();
  const again = await keyed('k1', { metadata: { b: 2, a: 1 }, session_id: 'keyed', prompt: 'p', agent_name: name }, two.other);
  expect(again.headers.get('idempotency-replayed')).toBe('true');
  expect(again.body).toEqual(first.body);
  expect(agent.requests).toHaveLength(1);
  expect((await two.one.get('/api/vps/sessions/keyed')).body).toMatchObject({ total_messages: 2 });
  const changed = await keyed('k1', { ...body, prompt: 'other' });
  expect([changed.status, changed.body['code']]).toEqual([422, 'idempotency_key_reused']);
  expect((await keyed('', body)).status).toBe(422);
});

it('of simultaneous requests on two replicas exactly one runs; the others hear that it does', async () => {
  const waiting: (() => void)[] = [];
  const { name, agent } = await two.agent((request, response) => void waiting.push(() => says('one')(request, response)));
  const body = { agent_name: name, prompt: 'p' };
  const answers = Array.from({ length: 20 }, (_, n) => keyed('k2', body, n % 2 === 0 ? two.one : two.other));
  await waitFor('the agent to be asked', () => waiting.length > 0);
  const early = await Promise.race(answers);
  expect([early.status, early.body['code'], early.headers.get('retry-after')]).toEqual([409, 'call_in_progress', '1']);
  let refused = 0;
  answers.forEach((answer) => void answer.then(({ status }) => (refused += status === 409 ? 1 : 0)));
  await waitFor('all others to be refused', () => refused === 19);
  waiting.forEach((answer) => answer());
  const all = await Promise.all(answers);
  expect(all.filter(({ status }) => status === 200)).toHaveLength(1);
  expect(early.body['call_id']).toBe(all.find(({ status }) => status === 200)?.body['call_id']);
  expect(agent.requests).toHaveLength(1);
});

it('keeps failures too, but a call that contacted nobody, or was refused, leaves its key free', async () => {
  const { name, agent } = await two.agent(json(400, {}), says('too late'));
  const body = { agent_name: name, prompt: 'p' };
  const failed = await keyed('k3', body);
  expect(failed.body).toMatchObject({ success: false, error_code: 'http_400' });
  expect((await keyed('k3', body)).body).toEqual(failed.body);
  expect(agent.requests).toHaveLength(1);

  const unknown = { agent_name: 'later', prompt: 'p' };
  expect((await keyed('k4', unknown)).body).toMatchObject({ error_code: 'not_registered' });
  await two.one.call(name, { session_id: 'owned', user_id: 'me' });
  expect((await keyed('k5', { ...body, session_id: 'owned', user_id: 'you' })).status).toBe(403);
  await two.one.register('later', agent.port);
  expect((await keyed('k4', unknown)).body).toMatchObject({ success: true });
  expect((await keyed('k5', { ...body, session_id: 'owned', user_id: 'me' })).body).toMatchObject({ success: true });
});

it('never sends a call again whose replica died meanwhile', async () => {
  const { name, agent } = await two.agent();
  const body = { agent_name: name, prompt: 'p' };
  const { body: result } = await keyed('k6', body);
  // as a replica that was killed while the agent answered would have left it
  await two.database.db.collection<{ _id: string }>('vps_calls').updateOne({ _id: String(result['call_id']) }, {
    $set: { status: 'running', result: null, finishedAt: null, open: true, holder: 'vps-bridge-dead0000', attempted: true, leaseUntil: new Date(0) },
  });
  const replay = await waitFor('the call to be given up', async () => {
    const answer = await keyed('k6', body, two.other);
    return answer.status === 200 ? answer : null;
  });
  expect(replay.body).toMatchObject({ success: false, error_type: 'UNKNOWN', error_code: 'outcome_unknown', call_id: result['call_id'] });
  expect(agent.requests).toHaveLength(1);
});

it('a result is kept only after its messages are: a crash in between may not replay a success that the session does not show', async () => {
  const { name } = await two.agent(says('one'));
  await two.one.call(name, { session_id: 'ordered' });
  const messages = two.database.db.collection('vps_messages');
  const calls = two.database.db.collection<{ _id: string }>('vps_calls');
  const health = two.database.db.collection('vps_agent_health');
  const first = await messages.findOne({ content: 'one', seq: 2 }, { sort: { _id: -1 } });
  // a transaction that holds the place of the answer, behind the prompt, keeps MongoDB from taking it
  const blocker = two.database.db.client.startSession();
  blocker.startTransaction();
  await messages.insertOne({ sessionKey: first?.['sessionKey'], seq: 4 }, { session: blocker });
  const answer = keyed('k7', { agent_name: name, prompt: 'p', session_id: 'ordered' });
  try {
    await waitFor('the health of the call, which is stored beside its messages', async () => (await health.findOne({ name }))?.['state'].requests === 2);
    expect(await calls.findOne({ idempotencyKey: 'k7' })).toMatchObject({ open: true, result: null });
  } finally {
    await blocker.abortTransaction();
    await blocker.endSession();
  }
  expect((await answer).body).toMatchObject({ success: true });
  expect((await two.one.get('/api/vps/sessions/ordered')).body).toMatchObject({ total_messages: 4 });
  expect(await calls.findOne({ idempotencyKey: 'k7' })).toMatchObject({ status: 'succeeded', result: { success: true } });
});

it('every call has a record; plain ones without prompt and response', async () => {
  const { name } = await two.agent(says('a secret answer'), json(401, {}));
  const orgs = await two.organization();
  await orgs.register('mine', two.agents.at(-1)!.port);
  const first = (await orgs.call('mine', { session_id: 's', user_id: 'u', prompt: 'a secret prompt' })).body;
  const second = (await orgs.call('mine')).body;
  const list = await waitFor('the records', async () => {
    const { body } = await orgs.get('/api/vps/calls');
    return (body['calls'] as unknown[]).length === 2 ? body : null;
  });
  expect(list).toMatchObject({
    calls: [
      { call_id: second['call_id'], kind: 'sync', status: 'failed', answered_by: null, error_code: 'http_401', success: false },
      { call_id: first['call_id'], kind: 'sync', status: 'succeeded', agent_name: 'mine', answered_by: 'mine', session_id: 's', user_id: 'u', success: true, error_type: null, retry_count: 0 },
    ],
    next_cursor: null,
  });
  const one = (await orgs.get(`/api/vps/calls/${String(first['call_id'])}`)).body;
  expect(one).toMatchObject({ status: 'succeeded', kind: 'sync', response_omitted: true, result: { success: true, attempts: [{ tries: 1 }] } });
  expect(JSON.stringify([one, list])).not.toMatch(/secret/);
  expect((await two.one.get(`/api/vps/calls/${String(first['call_id'])}`)).status).toBe(404);
  expect((await orgs.get('/api/vps/calls/no')).body['code']).toBe('call_not_found');

  const page = (await orgs.get('/api/vps/calls?limit=1')).body;
  expect((await orgs.get(`/api/vps/calls?limit=1&cursor=${String(page['next_cursor'])}`)).body).toMatchObject({ calls: [{ call_id: first['call_id'] }], next_cursor: null });
  expect((await orgs.get('/api/vps/calls?status=failed&error_type=UNKNOWN')).body).toMatchObject({ calls: [{ call_id: second['call_id'] }] });
  expect((await orgs.get('/api/vps/calls?user_id=u&session_id=s&kind=sync&agent_name=mine&since=2020-01-01T00:00:00Z')).body).toMatchObject({ calls: [{ call_id: first['call_id'] }] });
  expect((await orgs.get('/api/vps/calls?until=2020-01-01T00:00:00Z')).body).toMatchObject({ calls: [] });
  expect((await orgs.get('/api/vps/calls?status=nope')).status).toBe(422);
  expect(name).toBeTruthy();
});
