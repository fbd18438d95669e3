import { says, waitFor } from '@agentfleet/testing';
import { TwoBridges } from '../app-specs/two-bridges.fixture';
import type { SessionDocument } from './session.schema';

let two: TwoBridges;
let name: string;

beforeAll(async () => {
  two = await TwoBridges.start();
  ({ name } = await two.agent(says('answer')));
});
afterAll(() => two.stop());

const documents = () => two.database.db.collection<SessionDocument>('vps_sessions');
const document = async (sessionId: string) => (await documents().findOne({ sessionId }))!;
const call = (sessionId: string) => two.one.call(name, { session_id: sessionId });
const read = async (sessionId: string, query = '') => (await two.other.get(`/api/vps/sessions/${sessionId}${query}`)).body;
const listed = async (query = '') => (await two.other.get(`/api/vps/sessions${query}`)).body['sessions'] as { session_id: string; last_activity: string; total_messages: number }[];
const HOUR_MS = 3_600_000;

/** As a replica leaves a session that was killed right after a call: the messages are there, the document says nothing of them. */
async function killedAfterCall(sessionId: string, lastActivity = new Date(Date.now() - 48 * HOUR_MS)): Promise<void> {
  await call(sessionId);
  await waitFor('the document', async () => (await document(sessionId)).lastSeq === 2);
  await documents().updateOne({ sessionId }, { $set: { lastActivity, lastSeq: 0 } });
}

it('a session shows its newest message at once, on every replica; a list within a second', async () => {
  for (let n = 1; n <= 3; n++) {
    await call('fresh');
    const { messages, last_activity } = (await read('fresh')) as { messages: { timestamp: string }[]; last_activity: string };
    expect([messages.length, last_activity]).toEqual([2 * n, messages.at(-1)?.timestamp]);
    expect(await read('fresh', '?message_limit=1')).toMatchObject({ total_messages: 2 * n });
    expect(await read('fresh', '/messages?limit=1')).toMatchObject({ total_messages: 2 * n });
  }
  const { last_activity } = await read('fresh');
  await waitFor('the list', async () => (await listed()).some((one) => one.session_id === 'fresh' && one.total_messages === 6 && one.last_activity === last_activity), { timeoutMs: 1500 });
});

it('what a killed replica did not write any more shows in reads, lists and exports', async () => {
  await killedAfterCall('killed');
  const { last_activity } = await read('killed');
  expect(Date.parse(String(last_activity))).toBeGreaterThan(Date.now() - HOUR_MS);
  expect(await read('killed', '?message_limit=0')).toMatchObject({ total_messages: 2 });
  expect(await listed()).toContainEqual(expect.objectContaining({ session_id: 'killed', total_messages: 2, last_activity }));
  const exported = (await two.other.get('/api/vps/sessions/export')).body['sessions'] as Record<string, object>;
  expect(exported['killed']).toMatchObject({ last_activity, total_messages: 2 });
});

it('cleaning up removes what is old by its messages, and mends the document of what is not', async () => {
  await killedAfterCall('young');
  const old = { session_id: 'old', user_id: 'u', created_at: '2020-01-01T00:00:00Z', messages: [{ role: 'user', content: 'x', timestamp: '2020-01-01T00:00:00Z' }] };
  await two.one.ask('POST', '/api/vps/sessions/import', { body: { sessions: { old } } });
  expect((await two.other.ask('POST', '/api/vps/sessions/cleanup')).body).toMatchObject({ cleaned_up: 1 });
  expect(await read('young')).toMatchObject({ total_messages: 2 });
  expect((await two.one.get('/api/vps/sessions/old')).status).toBe(404);
  expect(await document('young')).toMatchObject({ lastSeq: 2, lastActivity: new Date(String((await read('young'))['last_activity'])) });
});

it('a session that rested for long is young again before its call is answered, so that no clean-up takes it', async () => {
  await two.one.ask('POST', '/api/vps/sessions/import', { body: { sessions: { rested: { session_id: 'rested', user_id: 'static:bridge', created_at: '2020-01-01T00:00:00Z', messages: [] } } } });
  expect((await call('rested')).body).toMatchObject({ success: true });
  expect((await document('rested')).lastActivity.getTime()).toBeGreaterThan(Date.now() - HOUR_MS);
});

it('what waits is written at SIGTERM', async () => {
  const third = await two.boot();
  await two.caller(2).call(name, { session_id: 'drained' });
  await two.end(third);
  expect(await document('drained')).toMatchObject({ lastSeq: 2 });
});
