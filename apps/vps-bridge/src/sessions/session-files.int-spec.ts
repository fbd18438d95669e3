import type { VpsSessionExport } from '@agentfleet/contracts';
import { says, waitFor } from '@agentfleet/testing';
import type { BridgeCaller } from '../app-specs/bridge.fixture';
import { TwoBridges } from '../app-specs/two-bridges.fixture';

let two: TwoBridges;

beforeAll(async () => {
  two = await TwoBridges.start({ VPS_MAX_IMPORT_BYTES: '30000000', VPS_MAX_BODY_BYTES: '3000000' });
});
afterAll(() => two.stop());

const importing = (file: unknown, caller = two.one) => caller.ask('POST', '/api/vps/sessions/import', { body: file });
const exportOf = async (caller: BridgeCaller, query = '') => (await caller.get(`/api/vps/sessions/export${query}`)).body as unknown as VpsSessionExport; // the expectations check it
const path = (id: string) => `/api/vps/sessions/${encodeURIComponent(id)}`;
const message = (content: string, role = 'user') => ({ role, content, timestamp: '2026-02-18T21:30:00.000Z' });
const session = (session_id: string, over: object = {}) => ({ session_id, user_id: 'u', created_at: '2026-02-18T21:30:00', messages: [message('a'), message('b', 'assistant')], ...over });

it('an exported session reads back identical in another place, and goes on with the next call', async () => {
  const { name } = await two.agent(says('answer'));
  const id = 'exp/ü ?$😀';
  await two.one.call(name, { session_id: id, user_id: 'me', metadata: { $where: 1, 'a.b': [null], '': { x: 1.5 } } });
  await two.one.call(name, { session_id: 'exp-2', user_id: 'you', prompt: 'with \u0000 in it' });
  const before = (await two.one.get(path(id))).body;
  const file = await exportOf(two.other, '?user_id=me');
  expect([Object.keys(file), file.total_sessions, file.sessions[id]]).toEqual([['exported_at', 'sessions', 'total_sessions'], 1, before]);
  const all = await exportOf(two.one);
  expect([all.total_sessions, Object.keys(all.sessions).sort()]).toEqual([2, ['exp-2', id].sort()]);

  const elsewhere = await two.organization();
  for (let n = 0; n < 2; n++) expect((await importing(all, elsewhere)).body).toEqual({ imported: 2 });
  expect((await elsewhere.get(path(id))).body).toEqual(before);
  expect((await exportOf(elsewhere)).sessions).toEqual(all.sessions);
  await elsewhere.register(name, two.agents.at(-1)!.port);
  await elsewhere.call(name, { session_id: id, user_id: 'me', include_history: true, prompt: 'next' });
  expect((await elsewhere.get(path(id))).body).toMatchObject({ total_messages: 4, created_at: before['created_at'] });
  expect(two.agents.at(-1)!.requests.at(-1)?.body['messages']).toHaveLength(3);
  expect((await two.one.get(path(id))).body).toEqual(before); // another organization's session of this id stays as it is
  expect((await elsewhere.get(`${path(id)}/messages`)).body).toMatchObject({ messages: [{ seq: 1, call_id: null }, { seq: 2 }, { seq: 3 }, { seq: 4, call_id: expect.any(String) }] });
});

it('replaces a session as a whole, for every reader at once', async () => {
  const { name } = await two.agent();
  for (let n = 0; n < 3; n++) await two.one.call(name, { session_id: 'old', user_id: 'me', metadata: { old: 1 } });
  expect((await two.other.get(path('old'))).body['total_messages']).toBe(6);
  const seen = new Set<unknown>();
  let done = false;
  const reader = (async () => {
    while (!done) seen.add(JSON.stringify((await two.other.get(path('old'))).body['messages']).length);
  })();
  const many = Array.from({ length: 3000 }, (_, n) => message(`message ${n}`));
  expect((await importing({ sessions: { old: session('old', { messages: many }) } })).body).toEqual({ imported: 1 });
  await two.one.get(path('old'));
  done = true;
  await reader;
  expect(seen.size).toBeLessThanOrEqual(2);
  expect((await two.other.get(path('old'))).body).toMatchObject({ user_id: 'u', metadata: {}, total_messages: 3000, last_activity: '2026-02-18T21:30:00.000Z' });
});

it('checks the whole file first, and any fault changes nothing', async () => {
  const faulty = { sessions: { good: session('good'), bad: session('bad', { messages: [{ ...message('x'), role: 'robot' }] }) } };
  const answer = await importing(faulty);
  expect([answer.status, answer.body['code'], (answer.body['errors'] as { field: string }[])[0]?.field]).toEqual([422, 'validation_failed', 'sessions.bad.messages[0].role']);
  expect((await two.one.get(path('good'))).status).toBe(404);
  expect((await importing({})).status).toBe(422);
  expect((await two.one.ask('POST', '/api/vps/sessions/import', { raw: '{"sessions":' })).status).toBe(400);
});

it('takes and gives sessions beyond any document limit, and refuses files beyond its own', async () => {
  const large = Array.from({ length: 18 }, (_, n) => message(String(n).padEnd(1024 * 1024, 'x')));
  expect((await importing({ sessions: { large: session('large', { messages: large }) } })).body).toEqual({ imported: 1 });
  const file = await exportOf(two.one, '?user_id=u');
  expect(file.sessions['large']?.messages).toHaveLength(18);
  expect((await importing(file)).status).toBe(200);
  const tooLarge = await two.one.ask('POST', '/api/vps/sessions/import', { raw: `{"sessions":{}${' '.repeat(31_000_000)}}` });
  expect(tooLarge.status).toBe(413);
});

it('cleans up what was not used for so long, of this organization alone', async () => {
  const mine = await two.organization();
  const { name, agent } = await two.agent();
  await mine.register(name, agent.port);
  await mine.call(name, { session_id: 'fresh' });
  await importing({ sessions: { stale: session('stale'), stale2: session('stale2') } }, mine);
  for (const bad of ['', '-1', '0', '1.5', '1e400', 'NaN', '876001', '24&max_age_hours=24']) {
    expect((await mine.ask('POST', `/api/vps/sessions/cleanup?max_age_hours=${bad}`)).status).toBe(422);
  }
  const theirs = (await two.one.get('/api/vps/status')).body['sessions'];
  const cleaned = await mine.ask('POST', '/api/vps/sessions/cleanup', { raw: '', type: 'application/json' });
  expect([cleaned.status, cleaned.body]).toEqual([200, { cleaned_up: 2, remaining_sessions: 1 }]);
  expect((await mine.get(path('stale'))).status).toBe(404);
  expect((await mine.get(path('fresh'))).status).toBe(200);
  expect((await two.one.get('/api/vps/status')).body['sessions']).toBe(theirs);
  expect((await mine.ask('POST', '/api/vps/sessions/cleanup?max_age_hours=1')).body).toEqual({ cleaned_up: 0, remaining_sessions: 1 });
});

it('leaves no messages behind', async () => {
  const { name } = await two.agent();
  await two.one.call(name, { session_id: 'gone' });
  const stored = await two.database.db.collection('vps_sessions').findOne({ sessionId: 'gone' });
  expect((await two.one.ask('DELETE', path('gone'))).status).toBe(204);
  expect(await two.database.db.collection('vps_messages').countDocuments({ sessionKey: stored!._id })).toBe(0);
  // as a bridge would have left it that died right after the deletion, and a call that ended later elsewhere
  await two.database.db.collection('vps_messages').insertOne({ sessionKey: stored!._id, seq: 1 });
  const removed = two.database.db.collection('vps_removed_sessions');
  expect((await removed.findOne({ _id: stored!._id }))?.['dueAt'].getTime()).toBeGreaterThan(Date.now() + 3_600_000); // once more when no call can bring any
  const leftBehind = { dueAt: new Date(0), lastDueAt: new Date(1) };
  await removed.updateOne({ _id: stored!._id }, { $set: leftBehind });
  await waitFor('the sweep', async () => (await two.database.db.collection('vps_messages').countDocuments({ sessionKey: stored!._id })) === 0);
  await waitFor('the last sweep', async () => (await removed.countDocuments({ _id: stored!._id })) === 0, { timeoutMs: 15_000 });
});
