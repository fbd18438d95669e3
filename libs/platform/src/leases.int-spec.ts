import { bootReplicas, waitFor, type Replicas } from '@agentfleet/testing';
import { bootApp, type RunningApp } from './boot-app';
import { probeApp } from './probe-app.fixture';

let fleet: Replicas<typeof probeApp, RunningApp>;
beforeAll(async () => {
  fleet = await bootReplicas(bootApp, probeApp, 2);
});
afterAll(() => fleet.close());

test('recurring work is done by one replica at a time, and by the other when that one closes', async () => {
  const runs = [0, 0];
  fleet.all.forEach((replica, index) => {
    replica.services.leases.every('probe', { periodMs: 20, leaseMs: 60_000 }, () => {
      runs[index]!++;
      return Promise.resolve();
    });
  });
  const holder = await waitFor('ten runs', () => (runs[0]! + runs[1]! >= 10 ? { index: runs.findIndex((count) => count > 0) } : undefined));
  const other = 1 - holder.index;
  expect(runs[other]).toBe(0);
  await fleet.stop(fleet.at(holder.index));
  await waitFor('the other one to take over', () => runs[other]! > 0, { timeoutMs: 5000 });
});

test('a lease of a replica that died is over by the database\'s clock, however wrong the clocks of replicas are', async () => {
  const leases = fleet.database.db.collection<{ _id: string; holder: string; until: Date }>('leases');
  const replica = fleet.all.at(-1)!;
  let runs = 0;
  let runsOfAnother = 0;
  await leases.insertOne({ _id: 'dead', holder: 'replica-that-died', until: new Date(Date.now() + 3_600_000) });
  const now = jest.spyOn(Date, 'now').mockReturnValue(Date.now() + 7_200_000); // this process believes that it is over
  try {
    replica.services.leases.every('dead', { periodMs: 20, leaseMs: 60_000 }, () => Promise.resolve(void runs++));
    replica.services.leases.every('free', { periodMs: 20, leaseMs: 60_000 }, () => Promise.resolve(void runsOfAnother++));
    await waitFor('as many tries of the one as runs of the other', () => runsOfAnother >= 10);
    expect(runs).toBe(0);
  } finally {
    now.mockRestore();
  }
  await leases.updateOne({ _id: 'dead' }, [{ $set: { until: { $subtract: ['$$NOW', 1] } } }]);
  await waitFor('the work', () => runs > 0, { timeoutMs: 5000 });
});
