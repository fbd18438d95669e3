import { testDatabase, waitFor, type TestDatabase } from '@agentfleet/testing';
import { bootApp, type RunningApp } from './boot-app';
import { probeApp } from './probe-app.fixture';

let database: TestDatabase;
const replicas: RunningApp[] = [];

beforeAll(async () => {
  database = await testDatabase();
  for (let i = 0; i < 2; i++) {
    const replica = await bootApp(probeApp, { env: { ...database.env, LOG_LEVEL: 'silent' } });
    await replica.services.lifecycle.whenReady();
    replicas.push(replica);
  }
});
afterAll(async () => {
  for (const replica of replicas) await replica.close();
  await database.drop();
});

test('recurring work is done by one replica at a time, and by the other when that one closes', async () => {
  const runs = [0, 0];
  replicas.forEach((replica, index) => {
    replica.services.leases.every('probe', { periodMs: 20, leaseMs: 60_000 }, () => {
      runs[index]!++;
      return Promise.resolve();
    });
  });
  const holder = await waitFor('ten runs', () => (runs[0]! + runs[1]! >= 10 ? { index: runs.findIndex((count) => count > 0) } : undefined));
  const other = 1 - holder.index;
  expect(runs[other]).toBe(0);
  await replicas[holder.index]!.close();
  await waitFor('the other one to take over', () => runs[other]! > 0, { timeoutMs: 5000 });
});
