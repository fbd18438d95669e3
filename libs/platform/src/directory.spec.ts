import { waitFor } from '@agentfleet/testing';
import { Directory, type DirectoryOptions } from './directory';

interface Ask {
  readonly id: string;
}
interface Entry {
  readonly id: string;
  readonly n: number;
}

function setUp(options: Partial<DirectoryOptions<Ask, Entry>> = {}) {
  const reads: { readonly id: string; readonly end: (n: number | undefined) => void; readonly fail: () => void }[] = [];
  const load = ({ id }: Ask) =>
    new Promise<Entry | undefined>((resolve, reject) => reads.push({ id, end: (n) => resolve(n === undefined ? undefined : { id, n }), fail: () => reject(new Error('away')) }));
  const directory = new Directory<Ask, Entry>({ keyOf: ({ id }) => id, load, maxEntries: 10, maxAgeMs: 60_000, ...options });
  const known = async (n: number) => {
    const asked = directory.get({ id: 'a' });
    reads.at(-1)?.end(n);
    return asked;
  };
  return { directory, reads, known };
}
const A = { id: 'a' };

test('reads once for all who ask at the same time, then answers from memory', async () => {
  const { directory, reads } = setUp();
  const asked = Promise.all([directory.get(A), directory.get(A)]);
  expect(reads).toHaveLength(1);
  reads[0]?.end(1);
  expect(await asked).toEqual([{ id: 'a', n: 1 }, { id: 'a', n: 1 }]);
  expect(directory.get(A)).toEqual({ id: 'a', n: 1 }); // no promise
  expect(reads).toHaveLength(1);
});

test('what does not exist is looked up every time, and a failure is not remembered', async () => {
  const { directory, reads, known } = setUp();
  const missing = directory.get(A);
  reads[0]?.end(undefined);
  expect(await missing).toBeUndefined();
  const failing = directory.get(A);
  reads[1]?.fail();
  await expect(failing).rejects.toThrow('away');
  expect(await known(2)).toEqual({ id: 'a', n: 2 });
});

test('what is older than its age is read anew, and who asks waits for it', async () => {
  const { directory, reads, known } = setUp({ maxAgeMs: 30 });
  await known(1);
  await waitFor('the age', () => directory.peek(A) === undefined);
  const asked = directory.get(A);
  expect(asked).toBeInstanceOf(Promise);
  reads[1]?.end(2);
  expect(await asked).toEqual({ id: 'a', n: 2 });
});

test('a slow read counts from its start', async () => {
  const { directory, reads } = setUp({ maxAgeMs: 50 });
  const asked = directory.get(A);
  await new Promise((resolve) => setTimeout(resolve, 60));
  reads[0]?.end(1);
  await asked;
  await new Promise((resolve) => setTimeout(resolve, 5));
  expect(directory.peek(A)).toBeUndefined();
});

test('what is used often is read in the background; a failure there leaves it to its age', async () => {
  const { directory, reads, known } = setUp({ refreshAgeMs: 1 });
  await known(1);
  await waitFor('a read in the background', () => (directory.get(A), reads.length === 2));
  expect(directory.get(A)).toEqual({ id: 'a', n: 1 });
  reads[1]?.fail();
  await waitFor('another one', () => (directory.get(A), reads.length === 3));
  expect(directory.get(A)).toEqual({ id: 'a', n: 1 });
  reads[2]?.end(2);
  await waitFor('what it read', () => directory.peek(A)?.n === 2);
});

test('a drop holds, also against a read that began before it', async () => {
  const { directory, reads, known } = setUp();
  await known(1);
  directory.forget(A);
  const asked = directory.get(A);
  directory.forget(A);
  const again = directory.get(A);
  expect(reads).toHaveLength(3);
  reads[2]?.end(3);
  expect(await again).toEqual({ id: 'a', n: 3 });
  reads[1]?.end(2);
  expect(await asked).toEqual({ id: 'a', n: 2 });
  expect(directory.get(A)).toEqual({ id: 'a', n: 3 });
});

test('what does not exist is undefined also when it was dropped during the read; what is known to be gone is not handed out', async () => {
  const { directory, reads, known } = setUp();
  const missing = directory.get(A);
  directory.forget(A);
  reads[0]?.end(undefined);
  expect(await missing).toBeUndefined();
  await known(1);
  const again = directory.refresh(A);
  reads[2]?.end(undefined);
  expect(await again).toBeUndefined();
  expect(directory.peek(A)).toBeUndefined();
});

test('a read may leave the entry that is there', async () => {
  const { directory, reads, known } = setUp({ maxAgeMs: 30, merge: (loaded, before) => before ?? loaded });
  const first = await known(1);
  await waitFor('the age', () => directory.peek(A) === undefined);
  const asked = directory.get(A);
  reads[1]?.end(2);
  expect(await asked).toBe(first);
  expect(directory.get(A)).toBe(first);
});
