import { bootReplicas, waitFor, type Replicas } from '@agentfleet/testing';
import { bootApp, type RunningApp } from './boot-app';
import { probeApp } from './probe-app.fixture';

let fleet: Replicas<typeof probeApp, RunningApp>;
beforeAll(async () => {
  fleet = await bootReplicas(bootApp, probeApp, 0, { REDIS_URL: 'redis://127.0.0.1:1' });
});
afterAll(() => fleet.close());

const idsOf = async ({ services }: RunningApp, app?: string) => (await services.replicas.alive(app)).map(({ id }) => id).sort();

test('replicas know of each other without Redis; who leaves is gone at once, who dies after 6 s', async () => {
  const [one, two] = [await fleet.boot(), await fleet.boot()];
  expect(await idsOf(one)).toEqual([one.replicaId, two.replicaId].sort());
  expect(await one.services.replicas.alive()).toContainEqual({ id: two.replicaId, internalUrl: two.services.replica.internalUrl });
  expect(await idsOf(one, 'another app')).toEqual([]);
  await fleet.stop(two);
  expect(await idsOf(one)).toEqual([one.replicaId]);
  const seenAgo = (ms: number) => fleet.database.db.collection('replicas').insertOne({ app: 'probe', internal_url: 'http://127.0.0.1:1', seen_at: new Date(Date.now() - ms), gap_ms: 0 });
  const [dead, late] = [await seenAgo(6500), await seenAgo(4000)];
  const alive = (await one.services.replicas.alive()).map(({ id }) => String(id));
  expect(alive).toContain(String(late.insertedId));
  expect(alive).not.toContain(String(dead.insertedId));
});

test('a replica that was cut off hears of it, and an outage of the whole app is recorded once', async () => {
  const one = await fleet.boot();
  let returns = 0;
  one.services.replicas.onReturn(() => returns++);
  expect(await one.services.replicas.outages()).toEqual([]);
  const before = new Date(Date.now() - 20_000);
  await fleet.database.db.collection<{ _id: string }>('app_outages').updateOne({ _id: 'probe' }, { $set: { alive_at: before } });
  await fleet.database.db.collection<{ _id: string }>('replicas').updateOne({ _id: one.replicaId }, { $set: { seen_at: before } });
  await waitFor('the next announcement', () => returns === 1);
  const outages = await waitFor('the outage', async () => {
    const found = await one.services.replicas.outages();
    return found.length > 0 ? found : undefined;
  });
  expect(outages).toHaveLength(1);
  expect(outages[0]?.from).toEqual(before);
});
