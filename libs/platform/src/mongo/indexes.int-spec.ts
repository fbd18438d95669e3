import { bootReplicas, type Replicas } from '@agentfleet/testing';
import { Module } from '@nestjs/common';
import { MongooseModule } from '@nestjs/mongoose';
import { Schema } from 'mongoose';
import { bootApp, type RunningApp } from '../boot-app';
import { probeApp } from '../probe-app.fixture';

const things = new Schema({ name: String, owner: String }, { collection: 'things' }).index({ owner: 1, name: 1 }, { unique: true });

@Module({ imports: [probeApp.module, MongooseModule.forFeature([{ name: 'things', schema: things }])] })
class WithThings {}
const app = { ...probeApp, module: WithThings };

let fleet: Replicas<typeof app, RunningApp>;
beforeAll(async () => {
  fleet = await bootReplicas((definition, { env }) => bootApp(definition, { env }), app);
});
afterAll(() => fleet.close());

const indexNames = async () => (await fleet.database.db.collection('things').indexes()).map(({ name }) => name);

test('a replica that was killed while it built indexes keeps no other from becoming ready', async () => {
  expect((await indexNames()).length).toBeGreaterThan(1);
  await fleet.database.db.collection('locks').updateOne({ _id: `indexes:${probeApp.name}` as never }, { $set: { until: new Date(Date.now() + 3_600_000) } });
  const next = await fleet.boot();
  expect(next.services.lifecycle.state).toBe('ready');
});

test('what is missing is built again by the next boot', async () => {
  const before = await indexNames();
  await fleet.database.db.collection('locks').deleteMany({});
  await fleet.database.db.collection('things').dropIndexes();
  expect(await indexNames()).toEqual(['_id_']);
  await Promise.all([fleet.boot(), fleet.boot()]);
  expect(await indexNames()).toEqual(before);
  await fleet.database.db.dropCollection('things');
  await fleet.boot();
  expect(await indexNames()).toEqual(before);
});
