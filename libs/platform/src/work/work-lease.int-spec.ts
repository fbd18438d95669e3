import { testDatabase, type TestDatabase } from '@agentfleet/testing';
import type { mongo } from 'mongoose';
import { WorkLease } from './work-lease';

interface Job {
  readonly _id: string;
  readonly open: boolean;
  readonly executor: string | null;
  readonly lease_until: Date;
  readonly epoch: number;
}

let database: TestDatabase;
let jobs: mongo.Collection<Job>;
let lease: WorkLease<Job>;
beforeAll(async () => {
  database = await testDatabase();
  jobs = database.db.collection<Job>('jobs');
  lease = new WorkLease<Job>(() => jobs, { fields: { holder: 'executor', until: 'lease_until', epoch: 'epoch' }, leaseMs: 60_000 });
});
afterAll(() => database.drop());
beforeEach(() => jobs.deleteMany({}));

const add = (_id: string, more: Partial<Job> = {}) => jobs.insertOne({ _id, open: true, executor: null, lease_until: new Date(0), epoch: 0, ...more });
const expire = (_id: string) => jobs.updateOne({ _id }, { $set: { lease_until: new Date(Date.now() - 1) } });

test('of all who claim at the same time one gets it, with a new epoch', async () => {
  await add('a');
  const claims = await Promise.all(['one', 'two', 'three', '$four'].map((holder) => lease.claim({ _id: 'a', open: true }, holder, { open: true })));
  expect(claims.filter((before) => before !== undefined)).toEqual([expect.objectContaining({ epoch: 0, executor: null })]);
  expect(await jobs.findOne({ _id: 'a' })).toMatchObject({ epoch: 1, executor: expect.stringMatching(/one|two|three|four/) });
  expect(await lease.claim({ _id: 'a' }, 'late')).toBeUndefined();
});

test('who holds it renews it; who lost it does not, even after he wakes up', async () => {
  await add('a');
  await lease.claim({ _id: 'a' }, 'first');
  expect(await lease.renew({ _id: 'a' }, { epoch: 1 }, ['executor'])).toEqual({ _id: 'a', executor: 'first' });
  await expire('a');
  expect(await lease.renew({ _id: 'a' }, { epoch: 1 })).toBeUndefined(); // over is over, also while nobody took it
  await lease.claim({ _id: 'a' }, 'second');
  expect(await lease.renew({ _id: 'a' }, { epoch: 1 })).toBeUndefined();
  expect(await jobs.countDocuments({ _id: 'a', ...lease.fence({ epoch: 1 }) } as object)).toBe(0);
  expect(await jobs.countDocuments({ _id: 'a', ...lease.fence({ epoch: 2 }) } as object)).toBe(1);
  expect(await jobs.countDocuments({ _id: 'a', ...lease.fence({ holder: 'second' }) } as object)).toBe(1);
});

test('what nobody holds is listed in order; what is given back is free at once', async () => {
  for (const id of ['b', 'c', 'a', 'closed']) await add(id, { open: id !== 'closed' });
  await lease.claim({ _id: 'b' }, 'me');
  expect(await lease.free({ open: true }, 10, { _id: 1 })).toEqual(['a', 'c']);
  expect(await lease.free({ open: true }, 1, { _id: -1 })).toEqual(['c']);
  await jobs.updateOne({ _id: 'b' }, { $set: lease.released });
  expect(await lease.free({ open: true }, 10, { _id: 1 })).toEqual(['a', 'b', 'c']);
});

test('work can be held from its birth, by the clock of the database, and is held as by a claim', async () => {
  const born: Job = { _id: 'b', open: false, executor: null, lease_until: new Date(0), epoch: 7 };
  await jobs.updateOne({ _id: 'b' }, lease.heldFromBirth(born, '$holder', { open: true }), { upsert: true });
  expect(await jobs.findOne({ _id: 'b' })).toMatchObject({ epoch: 7, executor: '$holder', open: true });
  expect(await lease.claim({ _id: 'b' }, 'other')).toBeUndefined();
  expect(await lease.renew({ _id: 'b' }, { epoch: 7 })).toEqual({ _id: 'b' });
  await expire('b');
  expect(await lease.claim({ _id: 'b' }, 'other')).toMatchObject({ epoch: 7 });
});
