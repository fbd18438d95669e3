import { FairQueue } from './fair-queue';

/** Work that ends when it is told, and the order in which it began. */
function bench(limits: { running: number; waiting: number }) {
  const queue = new FairQueue(limits, () => 0);
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  const failures: [string, string][] = [];
  const run = (source: string, name = source) =>
    queue
      .run(source, () => new Promise<void>((resolve) => (begun.push(name), ends.push(resolve))))
      .catch((error: { code: string }) => void failures.push([name, error.code]));
  const finishOne = async () => {
    ends.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { queue, begun, failures, run, finishOne };
}

test('so many at a time, in order', async () => {
  const { begun, run, finishOne, queue } = bench({ running: 2, waiting: 10 });
  for (const name of ['1', '2', '3', '4']) void run('a', name);
  expect([begun, queue.waiting]).toEqual([['1', '2'], 2]);
  await finishOne();
  expect([begun, queue.waiting]).toEqual([['1', '2', '3'], 1]);
  await finishOne();
  await finishOne();
  await finishOne();
  void run('a', '5');
  expect([begun.at(-1), queue.waiting]).toEqual(['5', 0]);
});

test('who has one piece waits for at most one of every other source', async () => {
  const { begun, run, finishOne } = bench({ running: 1, waiting: 256 });
  for (let i = 0; i < 150; i++) void run('flood');
  void run('login');
  void run('agent');
  for (let i = 0; i < 3; i++) await finishOne();
  expect(begun).toEqual(['flood', 'flood', 'login', 'agent']);
  void run('login');
  await finishOne();
  await finishOne();
  expect(begun.slice(4)).toEqual(['flood', 'login']);
});

test('full: the source that has most waiting gives way to others; alone it is refused itself', async () => {
  const { begun, failures, run, finishOne, queue } = bench({ running: 1, waiting: 3 });
  for (let i = 0; i < 5; i++) void run('flood', `flood ${i}`);
  await new Promise((resolve) => setImmediate(resolve));
  expect(failures).toEqual([['flood 4', 'overloaded']]);
  void run('login');
  await new Promise((resolve) => setImmediate(resolve));
  expect([failures.slice(1), queue.waiting]).toEqual([[['flood 3', 'overloaded']], 3]);
  for (let i = 0; i < 3; i++) await finishOne();
  expect(begun).toEqual(['flood 0', 'flood 1', 'login', 'flood 2']);
});

test('many sources with one piece each fill it too: the next is refused', async () => {
  const { failures, run } = bench({ running: 1, waiting: 2 });
  for (const source of ['a', 'b', 'c', 'd']) void run(source);
  await new Promise((resolve) => setImmediate(resolve));
  expect(failures).toEqual([['d', 'overloaded']]);
});

test('a failure gives the place back; closed, all that waits is refused', async () => {
  const { queue, begun, failures, run } = bench({ running: 1, waiting: 2 });
  await expect(queue.run('a', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  void run('a');
  void run('b');
  queue.close();
  await run('c');
  failures.sort();
  expect([begun, failures]).toEqual([['a'], [['b', 'draining'], ['c', 'draining']]]);
});
