import type { AuditActor, NoticePattern } from '@agentfleet/contracts';
import { bootReplicas, type Replicas } from '@agentfleet/testing';
import { bootApp, type RunningApp } from './boot-app';
import { collection } from './mongo/collection';
import { probeApp } from './probe-app.fixture';

let fleet: Replicas<typeof probeApp, RunningApp>;
let app: RunningApp;
const notified: NoticePattern[] = [];
beforeAll(async () => {
  fleet = await bootReplicas(bootApp, probeApp);
  app = fleet.first;
  await fleet.database.db.createCollection('things');
  await fleet.database.db.createCollection('audit_log');
  const { bus } = app.services;
  const notifyAll = bus.notifyAll.bind(bus);
  bus.notifyAll = (notices) => {
    notified.push(...notices.map(({ pattern }) => pattern));
    notifyAll(notices);
  };
});
afterAll(() => fleet.close());
beforeEach(() => (notified.length = 0));

const CALLER: AuditActor = { kind: 'user', id: 'u1', name: 'Ada' };
const ORG = 'an organization';
const target = (id: string) => ({ type: 'thing', id, name: id });
const things = () => collection<{ _id: string; orgId: string }>(app.services.database.connection, 'things');
const audits = (id: string) => fleet.database.db.collection('audit_log').find({ 'target.id': id }, { projection: { _id: 0, action: 1, orgId: 1, fields: 1, actor: 1, app: 1 } }).toArray();

test('a change, its audit record and its notices happen together, the notices last', async () => {
  let wasStored: unknown;
  const value = await app.services.changes.run(CALLER, 'thing.create', async (transaction) => {
    await things().insertOne({ _id: 'a', orgId: ORG }, { session: transaction.session });
    transaction.notify('session.deleted', { orgId: ORG, sessionId: 'a' });
    transaction.afterCommit(async () => void (wasStored = await fleet.database.db.collection<{ _id: string }>('things').findOne({ _id: 'a' })));
    expect(notified).toEqual([]);
    return { value: 'made', audit: { orgId: ORG, target: target('a'), fields: ['name'] } };
  });
  expect(value).toBe('made');
  expect(wasStored).toEqual({ _id: 'a', orgId: ORG });
  expect(await audits('a')).toEqual([{ actor: CALLER, orgId: ORG, action: 'thing.create', fields: ['name'], app: 'probe' }]);
  expect(notified).toEqual(['session.deleted', 'audit.recorded']);
});

test('a change that fails leaves nothing behind, and nobody hears of it', async () => {
  const change = app.services.changes.run(CALLER, 'thing.create', async (transaction) => {
    await things().insertOne({ _id: 'b', orgId: ORG }, { session: transaction.session });
    transaction.notify('session.deleted', { orgId: ORG, sessionId: 'b' });
    throw new Error('refused');
  });
  await expect(change).rejects.toThrow('refused');
  expect(await things().findOne({ _id: 'b' })).toBeNull();
  expect([await audits('b'), notified]).toEqual([[], []]);
});

test('one change may be several, or none', async () => {
  await app.services.changes.run(CALLER, 'thing.import', async () => ({
    value: undefined,
    audit: [{ orgId: ORG, target: target('c') }, { orgId: ORG, target: target('d'), action: 'thing.delete' }],
  }));
  expect([await audits('c'), await audits('d')]).toEqual([[expect.objectContaining({ action: 'thing.import' })], [expect.objectContaining({ action: 'thing.delete' })]]);
  await app.services.changes.run(CALLER, 'thing.update', async () => ({ value: undefined, audit: [] }));
  expect(notified).toEqual(['audit.recorded', 'audit.recorded']);
});

test('nothing is made in an organization that is gone', async () => {
  const gone = 'f'.repeat(24);
  const change = app.services.changes.createIn(gone, CALLER, 'thing.create', async (transaction) => {
    await things().insertOne({ _id: 'e', orgId: gone }, { session: transaction.session });
    return { value: undefined, audit: { orgId: gone, target: target('e') } };
  });
  await expect(change).rejects.toMatchObject({ code: 'not_found' });
  expect(await things().findOne({ _id: 'e' })).toBeNull();
});
