import { testDatabase, type TestDatabase } from '@agentfleet/testing';
import type { mongo } from 'mongoose';
import { writeAhead } from './fenced-log.repository';

interface Entry {
  readonly session: string;
  readonly seq: number;
  readonly epoch: number;
  readonly text: string;
}

let database: TestDatabase;
let log: mongo.Collection<Entry>;
beforeAll(async () => {
  database = await testDatabase();
  log = database.db.collection<Entry>('log');
  await log.createIndex({ session: 1, seq: 1 }, { unique: true });
});
afterAll(() => database.drop());
beforeEach(() => log.deleteMany({}));

const entry = (seq: number, epoch: number, text = `${epoch}`): Entry => ({ session: 's', seq, epoch, text });
const write = (target: mongo.Collection<Entry>, ...entries: Entry[]) => writeAhead(target, entries, ({ session, seq }) => ({ session, seq }));
const texts = async () => (await log.find({}, { sort: { seq: 1 } }).toArray()).map(({ seq, text }) => `${seq}:${text}`);

test('takes the places of what an earlier executor left, and of nobody else', async () => {
  await log.insertMany([entry(2, 1, 'left'), entry(3, 5, 'later'), entry(4, 2, 'the same, tried again')]);
  await write(log, entry(1, 2), entry(2, 2), entry(3, 2), entry(4, 2), entry(5, 2));
  expect(await texts()).toEqual(['1:2', '2:2', '3:later', '4:the same, tried again', '5:2']);
});

test('leaves no hole where somebody removes what was left in the very moment of its replacement', async () => {
  await log.insertMany([entry(1, 1, 'left'), entry(2, 1, 'left')]);
  const removing = new Proxy(log, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      if (name !== 'bulkWrite') return value.bind(target) as unknown;
      return async (...given: Parameters<typeof log.bulkWrite>) => {
        await target.deleteMany({ epoch: { $lte: 1 } });
        await target.insertOne(entry(2, 9, 'later'));
        return target.bulkWrite(...given);
      };
    },
  });
  await write(removing, entry(1, 2), entry(2, 2), entry(3, 2));
  expect(await texts()).toEqual(['1:2', '2:later', '3:2']);
});
