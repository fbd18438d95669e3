import { bootReplicas, type Replicas } from '@agentfleet/testing';
import { bootApp, type RunningApp } from '../boot-app';
import { probeApp } from '../probe-app.fixture';
import { isStorageUnavailable } from '../failures/mongo-errors';
import { Transactions } from './transactions';

let fleet: Replicas<typeof probeApp, RunningApp>;
beforeAll(async () => {
  fleet = await bootReplicas(bootApp, probeApp);
  await fleet.database.db.collection('things').insertOne({ name: 'one', count: 0 });
});
afterAll(() => fleet.close());

const count = async () => (await fleet.database.db.collection('things').findOne({ name: 'one' }))?.['count'];
function transactions(retryBudgetMs: number): Transactions {
  const { database, bus, log } = fleet.first.services;
  return new Transactions(database.connection, bus, log, retryBudgetMs);
}
function increment(budgetMs: number): Promise<unknown> {
  return transactions(budgetMs).run(({ session }) =>
    fleet.first.services.database.connection.getClient().db(fleet.database.name).collection('things').updateOne({ name: 'one' }, { $inc: { count: 1 } }, { session }),
  );
}

test('writers of one document wait for each other; one that is never done is 503 for the others, not their fault and no bug', async () => {
  await Promise.all(Array.from({ length: 20 }, () => increment(10_000)));
  expect(await count()).toBe(20);
  // as a replica that was killed in its transaction leaves it
  const dead = fleet.database.db.client.startSession();
  dead.startTransaction();
  await fleet.database.db.collection('things').updateOne({ name: 'one' }, { $inc: { count: 100 } }, { session: dead });
  await expect(increment(200)).rejects.toMatchObject({ code: 'storage_unavailable', status: 503, retryAfterSeconds: 5 });
  const patient = increment(10_000);
  await dead.abortTransaction();
  await dead.endSession();
  await patient;
  expect(await count()).toBe(21);
});

test.each(['EPIPE', 'ECONNRESET'])('a bare %s of the driver is an outage, no bug', (code) => {
  expect(isStorageUnavailable(Object.assign(new Error('This socket has been ended by the other party'), { code }))).toBe(true);
  expect(isStorageUnavailable(new Error(code))).toBe(false);
});
