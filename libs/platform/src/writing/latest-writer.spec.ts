import { waitFor } from '@agentfleet/testing';
import { Lifecycle } from '../lifecycle';
import { createLog } from '../observe/log';
import { Metrics } from '../observe/metrics';
import { LatestWriter, type LatestWriterOptions } from './latest-writer';

interface Fact {
  readonly key: string;
  readonly n: number;
}

function setUp(options: Partial<LatestWriterOptions<Fact>> = {}) {
  const writes: { readonly facts: readonly Fact[]; readonly end: (error?: Error) => void }[] = [];
  const lifecycle = new Lifecycle(createLog({ app: 'probe', replicaId: 'probe-1', level: 'silent', destination: { write: () => undefined } }), new Metrics({ defaults: false }));
  const write = (facts: readonly Fact[]) => new Promise<void>((resolve, reject) => writes.push({ facts, end: (error) => (error ? reject(error) : resolve()) }));
  const writer = new LatestWriter<Fact>(lifecycle, { name: 'facts', periodMs: 5, write, ...options });
  const put = (key: string, n: number) => writer.put(key, { key, n });
  const seen = () => writes.map(({ facts }) => facts.map(({ key, n }) => `${key}${n}`).join(' '));
  const written = (count: number) => waitFor(`write ${count}`, () => writes.length === count);
  return { lifecycle, writer, writes, put, seen, written };
}

test('writes the newest of each key, soon and together', async () => {
  const { lifecycle, put, seen, writes, written, writer } = setUp();
  put('a', 1);
  put('b', 1);
  put('a', 2);
  await written(1);
  expect(seen()).toEqual(['a2 b1']);
  expect(writer.get('a')).toEqual({ key: 'a', n: 2 }); // until it is known to be written
  writes[0]?.end();
  await waitFor('nothing left', () => writer.size === 0);
  await lifecycle.close();
});

test('what comes during a write goes into the next one, and nothing is lost by a failure', async () => {
  const { lifecycle, put, seen, writes, written } = setUp();
  put('a', 1);
  put('b', 1);
  await written(1);
  put('a', 2);
  writes[0]?.end(new Error('away'));
  await written(2);
  writes[1]?.end();
  expect(seen()).toEqual(['a1 b1', 'a2 b1']);
  await lifecycle.close();
});

test('merges what waits, keeps batches small, and refuses more keys than may wait', async () => {
  const { lifecycle, put, seen, writes, written } = setUp({ maxBatch: 2, maxWaiting: 3, merge: (older, newer) => ({ ...newer, n: older.n + newer.n }) });
  put('a', 1);
  put('a', 2);
  put('b', 1);
  put('c', 1);
  expect(() => put('d', 1)).toThrow(expect.objectContaining({ code: 'overloaded' }));
  await written(1);
  writes[0]?.end();
  await written(2);
  writes[1]?.end();
  expect(seen()).toEqual(['a3 b1', 'c1']);
  await lifecycle.close();
});

test('a write that is never answered is done again', async () => {
  const { lifecycle, put, seen, writes, written } = setUp({ hungAfterMs: 20 });
  put('a', 1);
  await written(2);
  writes[1]?.end();
  expect(seen()).toEqual(['a1', 'a1']);
  await lifecycle.close();
});

test('writes what waits at shutdown', async () => {
  const { lifecycle, put, seen, writes, written } = setUp({ periodMs: 60_000 });
  await lifecycle.becomeReady();
  put('a', 1);
  const drained = lifecycle.drain(5000);
  await written(1);
  writes[0]?.end();
  await drained;
  expect(seen()).toEqual(['a1']);
  await lifecycle.close();
});

test('writes what comes while the app drains before the database goes', async () => {
  const { lifecycle, put, seen, writes, written } = setUp({ periodMs: 60_000 });
  await lifecycle.becomeReady();
  put('a', 1);
  const drained = lifecycle.drain(5000);
  await written(1);
  put('b', 1);
  writes[0]?.end();
  await drained;
  let isClosed = false;
  const closed = lifecycle.close().then(() => (isClosed = true));
  await written(2);
  expect(isClosed).toBe(false);
  writes[1]?.end();
  await closed;
  expect(seen()).toEqual(['a1', 'b1']);
});
