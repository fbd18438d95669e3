import { json, says, waitFor } from '@agentfleet/testing';
import { problem, type BridgeCaller } from '../app-specs/bridge.fixture';
import { TwoBridges } from '../app-specs/two-bridges.fixture';

let two: TwoBridges;
let bridge: BridgeCaller;
let other: BridgeCaller;

beforeAll(async () => {
  two = await TwoBridges.start();
  [bridge, other] = [two.one, two.other];
});
afterAll(() => two.stop());

describe('sessions', () => {
  const total = async (sessionId: string) => (await bridge.get(`/api/vps/sessions/${sessionId}`)).body as { total_messages: number; messages: { role: string; content: string; agent: string }[] };

  it('200 parallel calls on two replicas lose and double nothing, and merge every key', async () => {
    const agent = await two.fakeAgent((request, response) => {
      const [message] = request.body['messages'] as { content: string }[];
      says(`answer to ${message?.content ?? ''}`)(request, response);
    });
    const name = await two.registered(agent);
    const sessionId = two.unique('parallel');
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, n) => (n % 2 === 0 ? bridge : other).call(name, { session_id: sessionId, prompt: `p${n}`, metadata: { [`key${n}`]: n } })),
    );
    answers.forEach(({ body }, n) => expect(body['response']).toBe(`answer to p${n}`));
    const session = await bridge.get(`/api/vps/sessions/${sessionId}`);
    const { messages, total_messages, metadata } = session.body as unknown as { messages: { role: string; content: string }[]; total_messages: number; metadata: object }; // checked below
    expect(total_messages).toBe(400);
    expect(Object.keys(metadata)).toHaveLength(200);
    for (let n = 0; n < 200; n++) {
      const asked = messages.flatMap(({ content }, index) => (content === `p${n}` ? [index] : []));
      const answered = messages.flatMap(({ content }, index) => (content === `answer to p${n}` ? [index] : []));
      expect([asked.length, answered.length]).toEqual([1, 1]);
      expect(asked[0]).toBeLessThan(answered[0] ?? -1);
    }
    const seqs = await two.database.db.collection('vps_messages').distinct('seq', { callId: { $in: answers.map(({ body }) => body['call_id']) } });
    expect(seqs).toEqual(Array.from({ length: 400 }, (_, n) => n + 1));
    expect((await other.get(`/api/vps/sessions/${sessionId}/messages?limit=1`)).body).toMatchObject({ total_messages: 400 });
  });

  it('belongs to its first user; without a user it is used as it is', async () => {
    const agent = await two.fakeAgent();
    const name = await two.registered(agent);
    const sessionId = two.unique('owned');
    await bridge.call(name, { session_id: sessionId, user_id: 'anna' });
    const refused = await other.call(name, { session_id: sessionId, user_id: 'bert' });
    expect([refused.status, refused.body['code'], refused.body['detail']]).toEqual([403, 'session_owner_mismatch', `Session '${sessionId}' belongs to another user`]);
    expect((await bridge.call(name, { session_id: sessionId })).body['success']).toBe(true);
    expect(await total(sessionId)).toMatchObject({ user_id: 'anna', total_messages: 4 });
    expect(agent.requests).toHaveLength(2);
    const own = two.unique('own');
    await bridge.call(name, { session_id: own });
    expect(await total(own)).toMatchObject({ user_id: 'static:bridge' });
  });

  it('stores the prompt of a call that fails, and nothing of one to an unknown agent', async () => {
    const name = await two.registered(await two.fakeAgent(json(400, {})));
    const sessionId = two.unique('failed');
    await bridge.call(name, { session_id: sessionId });
    expect((await total(sessionId)).messages).toMatchObject([{ role: 'user', content: 'Plan a 3-phase project', agent: '' }]);
    const unknown = await bridge.call('__proto__', { session_id: two.unique('none') });
    expect(unknown.body).toMatchObject({ success: false, error_type: 'UNKNOWN', error_code: 'not_registered', fallback_chain: [], latency_ms: 0, attempts: [] });
    expect(unknown.body['error']).toBe(
      "Agent '__proto__' not registered. Register it with POST /api/vps/register; being listed in AIWM does not make an agent callable here.",
    );
    expect((await bridge.get(`/api/vps/sessions/${String(unknown.body['session_id'])}`)).status).toBe(404);
    await waitFor('late records', async () => ((await bridge.get(`/api/vps/calls?session_id=${sessionId}`)).body['calls'] as unknown[]).length === 1);
    expect((await bridge.get(`/api/vps/calls/${String(unknown.body['call_id'])}`)).status).toBe(404);
  });

  it('pages messages in both directions and sessions by activity', async () => {
    const name = await two.registered(await two.fakeAgent());
    const sessionId = two.unique('paged');
    const user = two.unique('user');
    for (let n = 0; n < 3; n++) await bridge.call(name, { session_id: sessionId, prompt: `p${n}`, user_id: user });
    const page = async (query: string) => (await bridge.get(`/api/vps/sessions/${sessionId}/messages${query}`)).body as unknown as { messages: { seq: number }[] }; // as above
    expect(await page('?limit=4')).toMatchObject({ total_messages: 6, next_after_seq: 4, next_before_seq: null });
    expect((await page('?after_seq=4')).messages.map(({ seq }) => seq)).toEqual([5, 6]);
    expect(await page('?before_seq=6&limit=2')).toMatchObject({ messages: [{ seq: 5 }, { seq: 4 }], next_before_seq: 4, next_after_seq: null });
    expect(await page('?after_seq=99')).toMatchObject({ messages: [], next_after_seq: null });
    expect((await bridge.get(`/api/vps/sessions/${sessionId}?message_limit=1`)).body).toMatchObject({ total_messages: 6, messages: [{ role: 'assistant' }] });
    expect((await bridge.get(`/api/vps/sessions/${sessionId}?message_limit=0`)).body).toMatchObject({ total_messages: 6, messages: [] });
    const others = [two.unique('paged'), two.unique('paged')];
    for (const id of others) await bridge.call(name, { session_id: id, user_id: user });
    const first = (await bridge.get(`/api/vps/sessions?user_id=${user}&limit=2`)).body as { sessions: { session_id: string }[]; next_cursor: string };
    expect(first.sessions.map((one) => one.session_id)).toEqual([...others].reverse());
    const rest = await bridge.get(`/api/vps/sessions?user_id=${user}&limit=2&cursor=${first.next_cursor}`);
    expect(rest.body).toMatchObject({ sessions: [{ session_id: sessionId, total_messages: 6, metadata: {} }], next_cursor: null });
    expect((await bridge.get(`/api/vps/sessions?user_id=${user}&active_since=2099-01-01T00:00:00Z`)).body).toMatchObject({ sessions: [] });
  });

  it('can be deleted and its id used again at once, on every replica', async () => {
    const name = await two.registered(await two.fakeAgent());
    const sessionId = two.unique('deleted');
    await other.call(name, { session_id: sessionId, user_id: 'anna' });
    expect((await bridge.ask('DELETE', `/api/vps/sessions/${sessionId}`)).status).toBe(204);
    expect((await bridge.ask('DELETE', `/api/vps/sessions/${sessionId}`)).status).toBe(404);
    expect((await bridge.call(name, { session_id: sessionId, user_id: 'bert' })).body['success']).toBe(true);
    expect(await total(sessionId)).toMatchObject({ user_id: 'bert', total_messages: 2 });
    await waitFor('the other replica to know the new owner', async () => (await other.call(name, { session_id: sessionId, user_id: 'anna' })).status === 403);
    await waitFor('the other replica to use it', async () => (await other.call(name, { session_id: sessionId, user_id: 'bert' })).status === 200);
  });

  it('an answer that arrives after the deletion goes to its caller only', async () => {
    const waiting: (() => void)[] = [];
    const agent = await two.fakeAgent((request, response) => void waiting.push(() => says('late')(request, response)));
    const name = await two.registered(agent);
    const sessionId = two.unique('late');
    const call = bridge.call(name, { session_id: sessionId });
    await waitFor('the agent to be asked', () => waiting.length > 0);
    const [stored] = await two.database.db.collection('vps_sessions').find({ sessionId }).toArray();
    expect((await other.ask('DELETE', `/api/vps/sessions/${sessionId}`)).status).toBe(204);
    waiting.forEach((answer) => answer());
    expect((await call).body).toMatchObject({ success: true, response: 'late' });
    expect((await bridge.get(`/api/vps/sessions/${sessionId}`)).status).toBe(404);
    await waitFor('its messages to be removed', async () => (await two.database.db.collection('vps_messages').countDocuments({ sessionKey: stored?._id })) === 0, { timeoutMs: 2000 });
  });

  it('keeps merged metadata within its limit', async () => {
    const agent = await two.fakeAgent();
    const name = await two.registered(agent);
    const sessionId = two.unique('meta');
    const chunk = 'x'.repeat(60_000);
    for (let n = 0; n < 17; n++) expect((await bridge.call(name, { session_id: sessionId, metadata: { [`k${n}`]: chunk } })).status).toBe(200);
    expect(problem(await bridge.call(name, { session_id: sessionId, metadata: { more: chunk } }))).toEqual([422, 'validation_failed', ['metadata']]);
    expect(agent.requests).toHaveLength(17);
    expect((await bridge.call(name, { session_id: sessionId, metadata: { k0: 'small', more: 'y' } })).status).toBe(200);
  });
});
