import { Batched } from './batched';

test('what comes while a run is under way shares the next one; a failed run fails its own items only', async () => {
  const runs: number[][] = [];
  const batched = new Batched(async (items: readonly number[]) => {
    runs.push([...items]);
    await Promise.resolve();
    if (items.includes(13)) throw new Error('unlucky');
    return items.map((item) => item * 2);
  });
  const first = Promise.all([batched.add(1), batched.add(2)]);
  await expect(first).resolves.toEqual([2, 4]);
  const unlucky = Promise.allSettled([batched.add(13), batched.add(3)]);
  const outcomes = (await unlucky).map(({ status }) => status);
  await expect(batched.add(4)).resolves.toBe(8);
  expect(outcomes).toEqual(['rejected', 'rejected']);
  expect(runs).toEqual([[1, 2], [13, 3], [4]]);
});

test('a run that hangs holds up nobody but its own items', async () => {
  const never = new Promise<never>(() => undefined);
  const batched = new Batched((items: readonly string[]) => (items.includes('hangs') ? never : Promise.resolve(items)));
  void batched.add('hangs');
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  expect(await Promise.all([batched.add('a'), batched.add('b')])).toEqual(['a', 'b']);
  expect(await batched.add('c')).toBe('c');
});

test('an item that comes during a run waits for a run that starts after it', async () => {
  let open = () => {};
  const gate = new Promise<void>((resolve) => (open = resolve));
  const seen: string[][] = [];
  const batched = new Batched(async (items: readonly string[]) => {
    seen.push([...items]);
    await gate;
    return items;
  });
  const early = batched.add('early');
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  const late = [batched.add('late'), batched.add('later')];
  open();
  expect(await Promise.all([early, ...late])).toEqual(['early', 'late', 'later']);
  expect(seen).toEqual([['early'], ['late', 'later']]);
});
