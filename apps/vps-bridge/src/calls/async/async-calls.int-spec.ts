import { json, says, waitFor } from '@agentfleet/testing';
import type { BridgeCaller } from '../../app-specs/bridge.fixture';
import { TwoBridges } from '../../app-specs/two-bridges.fixture';

let two: TwoBridges;

beforeAll(async () => {
  two = await TwoBridges.start({ VPS_ASYNC_CONCURRENCY: '8' });
});
afterAll(() => two.stop());

const accept = (agentName: string, over: object = {}, headers = {}, from = two.one) =>
  from.ask('POST', '/api/vps/call/async', { body: { agent_name: agentName, prompt: 'later', ...over }, headers });

async function ended(callId: unknown, from: BridgeCaller = two.one): Promise<Record<string, unknown>> {
  return waitFor(`call ${String(callId)} to end`, async () => {
    const { body } = await from.get(`/api/vps/calls/${String(callId)}`);
    return body['status'] === 'succeeded' || body['status'] === 'failed' ? body : null;
  });
}

it('accepts without waiting for the agent, and shows the whole result on any replica', async () => {
  const waiting: (() => void)[] = [];
  const { name, agent } = await two.agent((request, response) => void waiting.push(() => says('done')(request, response)));
  const accepted = await accept(name, { session_id: 'a1', user_id: 'u', metadata: { $x: 1 } });
  expect(accepted.status).toBe(202);
  const callId = accepted.body['call_id'];
  expect(accepted.body).toEqual({ call_id: callId, status: 'queued' });
  expect(accepted.headers.get('location')).toBe(`/api/vps/calls/${String(callId)}`);
  await waitFor('the agent to be asked', () => waiting.length > 0);
  expect((await two.other.get(`/api/vps/calls/${String(callId)}`)).body).toMatchObject({ status: 'running', kind: 'async', agent_name: name, session_id: 'a1', user_id: 'u', finished_at: null, result: null });
  waiting.forEach((answer) => answer());
  expect(await ended(callId, two.other)).toMatchObject({ status: 'succeeded', result: { success: true, response: 'done', call_id: callId } });
  expect(agent.requests[0]?.headers['x-correlation-id']).toBe(accepted.headers.get('x-correlation-id'));
  expect((await two.one.get('/api/vps/sessions/a1')).body).toMatchObject({ user_id: 'u', metadata: { $x: 1 }, total_messages: 2 });
  const stored = await two.database.db.collection<{ _id: string }>('vps_calls').findOne({ _id: String(callId) });
  expect(JSON.stringify(stored)).not.toContain('later'); // the prompt is kept no longer than it is needed
});

it('refuses what a call would be refused for; failures are results', async () => {
  const { name } = await two.agent(json(401, {}));
  await two.one.call(name, { session_id: 'a2', user_id: 'me' });
  expect((await accept(name, { session_id: 'a2', user_id: 'you' })).body['code']).toBe('session_owner_mismatch');
  expect((await accept(name, { prompt: '' })).status).toBe(422);
  expect(await ended((await accept(name)).body['call_id'])).toMatchObject({ status: 'failed', result: { success: false, error_code: 'http_401' } });
  expect(await ended((await accept('nobody', { session_id: 'a3' })).body['call_id'])).toMatchObject({ status: 'failed', result: { error_code: 'not_registered', attempts: [] } });
  expect((await two.one.get('/api/vps/sessions/a3')).status).toBe(404);
});

it('a repeated request is answered with the same call', async () => {
  const { name, agent } = await two.agent();
  const first = await accept(name, {}, { 'Idempotency-Key': 'async-1' });
  await ended(first.body['call_id']);
  const again = await accept(name, {}, { 'Idempotency-Key': 'async-1' }, two.other);
  expect([again.status, again.body['call_id'], again.headers.get('idempotency-replayed')]).toEqual([202, first.body['call_id'], 'true']);
  expect(again.body['status']).toBe('succeeded');
  expect(agent.requests).toHaveLength(1);
  const crossed = await two.one.ask('POST', '/api/vps/call', { body: { agent_name: name, prompt: 'later' }, headers: { 'Idempotency-Key': 'async-1' } });
  expect(crossed.body['code']).toBe('idempotency_key_reused');
});

it('a repeated request is refused while its call still runs, on any replica', async () => {
  const waiting: (() => void)[] = [];
  const { name, agent } = await two.agent((request, response) => void waiting.push(() => says('done')(request, response)));
  const first = await accept(name, {}, { 'Idempotency-Key': 'async-2' });
  for (const replica of [two.one, two.other]) {
    const again = await accept(name, {}, { 'Idempotency-Key': 'async-2' }, replica);
    expect([again.status, again.body['code'], again.body['call_id'], again.headers.get('retry-after')]).toEqual([409, 'call_in_progress', first.body['call_id'], '1']);
  }
  await waitFor('the agent to be asked', () => waiting.length > 0);
  waiting.forEach((answer) => answer());
  await ended(first.body['call_id']);
  expect(agent.requests).toHaveLength(1);
});

it('runs as many at once as it may, and all in the end', async () => {
  let now = 0;
  let most = 0;
  const held: (() => void)[] = [];
  const { name, agent } = await two.agent((request, response) => {
    most = Math.max(most, ++now);
    held.push(() => {
      now--;
      says('x')(request, response);
    });
    if (most > 4) setTimeout(() => held.splice(0).forEach((answer) => answer()), 25); // nobody is answered before so many were asked
  });
  const calls = await Promise.all(Array.from({ length: 60 }, () => accept(name, { session_id: 'busy' })));
  for (const { body } of calls) expect((await ended(body['call_id']))['status']).toBe('succeeded');
  expect(agent.requests).toHaveLength(60);
  expect(most).toBeGreaterThan(4);
  expect(most).toBeLessThanOrEqual(8);
  expect((await two.one.get('/api/vps/sessions/busy')).body['total_messages']).toBe(120);
});

it('calls of a dead replica: a waiting one is started by another, one in flight is never sent again', async () => {
  const { name, agent } = await two.agent();
  const template = { _id: 'call_dead1', orgId: '', kind: 'async', status: 'queued', agentName: name, sessionId: null, userId: null, open: true, holder: 'vps-bridge-dead0000' };
  const { orgId } = (await two.database.db.collection('vps_agents').findOne({ name }))!;
  const request = { prompt: 'left behind', metadata: null, includeHistory: false, deadlineSeconds: null, callerId: 'someone', correlationId: null, traceparent: null };
  const times = { createdAt: new Date(), startedAt: null, finishedAt: null, result: null, expiresAt: new Date(Date.now() + 1e8), leaseUntil: new Date(0) };
  const calls = two.database.db.collection<Record<string, unknown> & { _id: string }>('vps_calls');
  await calls.insertOne({ ...template, ...times, orgId, request, attempted: false });
  await calls.insertOne({ ...template, ...times, _id: 'call_dead2', status: 'running', orgId, request, attempted: true });
  expect(await ended('call_dead1')).toMatchObject({ status: 'succeeded', result: { response: 'hello' } });
  expect(await ended('call_dead2')).toMatchObject({ status: 'failed', result: { error_type: 'UNKNOWN', error_code: 'outcome_unknown' } });
  expect(agent.requests.map(({ body }) => body['messages'])).toEqual([[{ role: 'user', content: 'left behind' }]]);

  // its prompt was stored, but nobody was asked yet
  await two.one.call(name, { session_id: 'left' });
  const messages = two.database.db.collection('vps_messages');
  const session = (await two.database.db.collection('vps_sessions').findOne({ sessionId: 'left' }))!;
  await messages.insertOne({ sessionKey: session._id, seq: 3, role: 'user', content: 'left behind', agent: '', callId: 'call_dead3', timestamp: new Date(), incomplete: false });
  await calls.insertOne({ ...template, ...times, _id: 'call_dead3', sessionId: 'left', orgId, request: { ...request, includeHistory: true }, attempted: false });
  expect(await ended('call_dead3')).toMatchObject({ status: 'succeeded', result: { response: 'hello', fallback_chain: [name] } });
  expect(agent.requests.at(-1)?.body['messages']).toEqual([{ role: 'user', content: 'Plan a 3-phase project' }, { role: 'assistant', content: 'hello' }, { role: 'user', content: 'left behind' }]);
  expect((await two.one.get('/api/vps/sessions/left')).body).toMatchObject({
    total_messages: 4,
    messages: [{ role: 'user' }, { role: 'assistant' }, { role: 'user', content: 'left behind' }, { role: 'assistant' }],
  });
});

it('at shutdown waiting calls go to another replica, and calls that run too long are answered without their outcome', async () => {
  const silent: unknown[] = [];
  const { name } = await two.agent((_request, response) => void silent.push(response));
  const quick = await two.agent();
  const third = await two.boot();
  const caller = two.caller(2);
  const blocked = await Promise.all(Array.from({ length: 8 }, () => accept(name, {}, {}, caller)));
  const waits = await accept(quick.name, {}, {}, caller);
  const sync = caller.call(name, { session_id: 'cut' });
  await waitFor('all agents to be asked', () => silent.length === 9);
  const closing = two.end(third);
  expect(await ended(waits.body['call_id'])).toMatchObject({ status: 'succeeded' });
  const answer = await sync;
  expect([answer.status, answer.body['code']]).toEqual([503, 'draining']);
  await closing;
  const { body } = await two.one.get(`/api/vps/calls/${String(answer.body['call_id'])}`);
  expect(body).toMatchObject({ status: 'failed', result: { error_code: 'outcome_unknown' } });
  for (const one of blocked) expect(await ended(one.body['call_id'])).toMatchObject({ result: { error_code: 'outcome_unknown' } });
  expect((await two.one.get('/api/vps/sessions/cut')).body).toMatchObject({ total_messages: 1, messages: [{ role: 'user' }] });
}, 30_000);
