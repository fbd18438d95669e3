import { Leases } from '@agentfleet/platform';
import { waitFor } from '@agentfleet/testing';
import { BridgeCaller } from '../app-specs/bridge.fixture';
import { TwoBridges } from '../app-specs/two-bridges.fixture';

const LEASE = 'vps-session-cleanup';
const PERIOD_MS = 50;
const periods: number[] = [];

/** The lease is the real one; only its hour is shorter. */
const { every } = Leases.prototype;
jest.spyOn(Leases.prototype, 'every').mockImplementation(function (this: Leases, name, options, work) {
  if (name !== LEASE) return every.call(this, name, options, work);
  periods.push(options.periodMs);
  every.call(this, name, { ...options, periodMs: PERIOD_MS }, work);
});

let two: TwoBridges;

beforeAll(async () => {
  two = await TwoBridges.start({ VPS_SESSION_MAX_AGE_HOURS: '2' });
});
afterAll(async () => {
  await two.stop();
  jest.restoreAllMocks();
});

const hoursAgo = (hours: number) => new Date(Date.now() - hours * 3_600_000).toISOString();
async function leave(caller: BridgeCaller, ids: Readonly<Record<string, number>>): Promise<void> {
  const sessions = Object.entries(ids).map(([session_id, hours]) => {
    const messages = [{ role: 'user', content: 'x', timestamp: hoursAgo(hours) }];
    return [session_id, { session_id, user_id: 'u', created_at: hoursAgo(100), last_activity: hoursAgo(hours), messages }];
  });
  expect((await caller.ask('POST', '/api/vps/sessions/import', { body: { sessions: Object.fromEntries(sessions) } })).status).toBe(200);
}
const left = async (caller: BridgeCaller) => ((await caller.get('/api/vps/sessions')).body['sessions'] as { session_id: string }[]).map(({ session_id }) => session_id).sort();
const holder = async () => (await two.database.db.collection<{ _id: string; holder: string }>('leases').findOne({ _id: LEASE }))?.holder;

it('deletes what nobody used for so long, in every organization, every hour, by one replica at a time', async () => {
  expect(periods).toEqual([3_600_000, 3_600_000]);
  const elsewhere = await two.organization();
  await leave(two.one, { old: 2.1, young: 1.9 });
  await leave(elsewhere, { older: 50, newest: 0 });
  await waitFor('the cleanup', async () => (await left(two.one)).length === 1 && (await left(elsewhere)).length === 1);
  expect([await left(two.one), await left(elsewhere)]).toEqual([['young'], ['newest']]);
  await waitFor('the messages to go', async () => (await two.database.db.collection('vps_messages').countDocuments()) === 2);
  const audits = await two.database.db.collection('audit_log').find({ action: 'vps_session.cleanup' }).toArray();
  expect(audits.map(({ target, actor }) => [target.name, actor.kind]).sort()).toEqual([['old', 'system'], ['older', 'system']]);

  const first = await holder();
  const gone = two.replicas.find(({ replicaId }) => replicaId === first);
  expect(gone).toBeDefined();
  await two.end(gone!);
  await leave(two.one, { again: 3 });
  await waitFor('the other replica', async () => !(await left(two.one)).includes('again'));
  expect(await holder()).toBe(two.replicas[0]!.replicaId);
});

it('is off unless it is asked for', async () => {
  const before = periods.length;
  const off = await TwoBridges.start();
  await off.stop();
  expect(periods).toHaveLength(before);
});
