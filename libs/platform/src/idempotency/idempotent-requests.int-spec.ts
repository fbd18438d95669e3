import type { AuditActor } from '@agentfleet/contracts';
import { bootReplicas, waitFor, type Replicas } from '@agentfleet/testing';
import { bootApp, type RunningApp } from '../boot-app';
import { systemClock } from '../observe/clock';
import { probeApp } from '../probe-app.fixture';
import { IdempotentRequests } from './idempotent-requests';

let fleet: Replicas<typeof probeApp, RunningApp>;
let requests: IdempotentRequests;
beforeAll(async () => {
  fleet = await bootReplicas(bootApp, probeApp);
  const { database, cipher } = fleet.first.services;
  requests = new IdempotentRequests(database.connection, cipher, systemClock);
  await fleet.database.db.createCollection('idempotency_keys');
  await fleet.database.db.createCollection('audit_log');
});
afterAll(() => fleet.close());

const CALLER: AuditActor = { kind: 'user', id: 'u1', name: 'Ada' };
let acts = 0;
const act = (answer: object | undefined) => () =>
  fleet.first.services.changes.run(CALLER, 'thing.create', async () => {
    acts++;
    return { value: answer, audit: [], ...(answer === undefined ? {} : { answer }) };
  });
const keyed = (id: string, fingerprint = 'f') => ({ id, fingerprint, answerLifeMs: 60_000 });
beforeEach(() => (acts = 0));

test('acts once, however many ask at the same time, and answers the others alike', async () => {
  const answers = await Promise.all([1, 2, 3].map((n) => requests.once(keyed('a'), act({ n }))));
  expect(acts).toBe(1);
  expect(answers.map(({ kind }) => kind).sort()).toEqual(['done', 'replayed', 'replayed']);
  expect(new Set(answers.map(({ answer }) => JSON.stringify(answer))).size).toBe(1);
});

test('a key is for one request; one that failed may be tried again with it', async () => {
  await requests.once(keyed('b'), act({}));
  await expect(requests.once(keyed('b', 'another'), act({}))).rejects.toMatchObject({ code: 'idempotency_mismatch' });
  await expect(requests.once(keyed('c'), () => Promise.reject(new Error('no luck')))).rejects.toThrow('no luck');
  expect(await requests.once(keyed('c'), act({ n: 2 }))).toEqual({ kind: 'done', answer: { n: 2 } });
});

test('a route that forgets the answer of its change says so at its first use', async () => {
  await expect(requests.once(keyed('d'), act(undefined))).rejects.toThrow('Changed.answer');
});

test('a key whose claimant died is taken over once its claim is over by the database\'s clock, and the dead one changes nothing any more', async () => {
  const keys = fleet.database.db.collection<{ _id: string }>('idempotency_keys');
  let resume = () => undefined as void;
  const paused = new Promise<void>((resolve) => (resume = resolve));
  const slow = requests.once(keyed('e'), async () => (await paused, act({ n: 'slow' })()));
  const outcome = slow.catch((error: unknown) => error);
  await waitFor('the claim', () => keys.findOne({ _id: 'e' }));
  await keys.updateOne({ _id: 'e' }, { $set: { claimedUntil: new Date(Date.now() - 1) } }); // as if 15 s had passed
  expect(await requests.once(keyed('e'), act({ n: 'second' }))).toEqual({ kind: 'done', answer: { n: 'second' } });
  resume();
  expect(await outcome).toMatchObject({ code: 'conflict' });
  expect(await requests.once(keyed('e'), act({ n: 'third' }))).toEqual({ kind: 'replayed', answer: { n: 'second' } });
});

test('a claim that is not over is waited for, not taken', async () => {
  const keys = fleet.database.db.collection<{ _id: string }>('idempotency_keys');
  const first = requests.once(keyed('f'), async () => (await systemClock.sleep(300), act({ n: 1 })()));
  await waitFor('the claim', () => keys.findOne({ _id: 'f' }));
  expect(await requests.once(keyed('f'), act({ n: 2 }))).toEqual({ kind: 'replayed', answer: { n: 1 } });
  expect(await first).toEqual({ kind: 'done', answer: { n: 1 } });
  expect(acts).toBe(1);
});
