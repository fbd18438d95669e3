import { waitFor } from '@agentfleet/testing';
import { GroupCommit, type GroupCommitOptions } from './group-commit';

/** Groups as they come to the commit, each held until the spec lets it end. */
function setUp(options: Partial<GroupCommitOptions<number, string>> = {}) {
  const groups: { readonly items: readonly number[]; readonly end: (error?: Error) => void }[] = [];
  const commit: GroupCommitOptions<number, string>['commit'] = (items) =>
    new Promise((resolve, reject) => {
      groups.push({ items, end: (error) => (error ? reject(error) : resolve(items.map((item) => `done ${item}`))) });
    });
  return { groups, loop: new GroupCommit<number, string>({ maxWeight: 3, commit, ...options }) };
}
const begun = (groups: readonly unknown[], count: number) => waitFor(`group ${count}`, () => groups.length === count);

test('one group at a time; what comes meanwhile goes into the next, and each gets its own result', async () => {
  const { loop, groups } = setUp();
  const first = loop.add(1);
  await begun(groups, 1);
  const later = Promise.all([loop.add(2), loop.add(3)]);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(groups).toHaveLength(1);
  groups[0]?.end();
  await begun(groups, 2);
  groups[1]?.end();
  expect([await first, ...(await later)]).toEqual(['done 1', 'done 2', 'done 3']);
  expect(groups.map(({ items }) => items)).toEqual([[1], [2, 3]]);
});

test('what the same turn brings is one group; groups keep to their weight, but a heavy item is not left behind', async () => {
  const { loop, groups } = setUp({ weightOf: (item) => item });
  const all = Promise.all([1, 2, 7, 1].map((item) => loop.add(item)));
  for (const count of [1, 2, 3]) {
    await begun(groups, count);
    groups[count - 1]?.end();
  }
  await all;
  expect(groups.map(({ items }) => items)).toEqual([[1, 2], [7], [1]]);
});

test('a failure is that of its group alone', async () => {
  const { loop, groups } = setUp();
  const failed = Promise.allSettled([loop.add(1), loop.add(2)]);
  await begun(groups, 1);
  const next = loop.add(3);
  groups[0]?.end(new Error('refused'));
  expect((await failed).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  await begun(groups, 2);
  groups[1]?.end();
  expect(await next).toBe('done 3');
});

test('refuses more than may wait, and takes it again later', async () => {
  const { loop, groups } = setUp({ maxWaiting: 2 });
  const all = [loop.add(1), loop.add(2)];
  await expect(loop.add(3)).rejects.toMatchObject({ code: 'overloaded' });
  await begun(groups, 1);
  all.push(loop.add(4));
  groups[0]?.end();
  await begun(groups, 2);
  groups[1]?.end();
  expect(await Promise.all(all)).toEqual(['done 1', 'done 2', 'done 4']);
});

test('an item whose time is over is refused, waiting or under way', async () => {
  let isOver = false;
  const { loop, groups } = setUp({ isOverdue: () => isOver });
  const underWay = loop.add(1);
  await begun(groups, 1);
  const waiting = loop.add(2);
  isOver = true;
  for (const item of [underWay, waiting]) await expect(item).rejects.toMatchObject({ code: 'storage_unavailable' });
  groups[0]?.end();
  await begun(groups, 2); // written all the same
  groups[1]?.end();
  await loop.drained();
});

test('a group that hangs holds nobody back where that is asked for', async () => {
  const { loop, groups } = setUp({ patienceMs: 20 });
  const hanging = loop.add(1);
  await begun(groups, 1);
  const next = loop.add(2);
  await begun(groups, 2);
  groups[1]?.end();
  expect(await next).toBe('done 2');
  groups[0]?.end();
  expect(await hanging).toBe('done 1');
});

test('a commit that is never answered fails in the end, and those behind it go on', async () => {
  const { loop, groups } = setUp({ hungAfterMs: 30 });
  const hung = loop.add(1);
  await begun(groups, 1);
  const between = loop.exclusive(async () => 'between');
  const next = loop.add(2);
  await expect(hung).rejects.toMatchObject({ code: 'storage_unavailable' });
  expect(await between).toBe('between');
  await begun(groups, 2);
  groups[1]?.end();
  expect(await next).toBe('done 2');
});

test('other writes run between groups; drained waits for everything', async () => {
  const { loop, groups } = setUp();
  const first = loop.add(1);
  await begun(groups, 1);
  const order: string[] = [];
  const between = loop.exclusive(async () => void order.push('between'));
  const second = loop.add(2).then(() => order.push('second'));
  groups[0]?.end();
  await between;
  await begun(groups, 2);
  let isDrained = false;
  const drained = loop.drained().then(() => (isDrained = true));
  await first;
  expect(isDrained).toBe(false);
  groups[1]?.end();
  await Promise.all([second, drained]);
  expect(order).toEqual(['between', 'second']);
});

test('items may be answered before their group is done', async () => {
  let end: (() => void) | undefined;
  const loop = new GroupCommit<number, string>({
    maxWeight: 3,
    commit: (items, answers) => {
      answers.resolve(0, 'early');
      answers.reject(1, new Error('refused'));
      return new Promise((resolve) => (end = () => resolve(items.map(String))));
    },
  });
  const [early, refused, late] = [loop.add(1), loop.add(2), loop.add(3)];
  expect(await early).toBe('early');
  await expect(refused).rejects.toThrow('refused');
  end?.();
  expect(await late).toBe('3');
});

test('other writes that are never answered hold back no group for ever', async () => {
  const { loop, groups } = setUp({ hungAfterMs: 20 });
  const hung = loop.exclusive(() => new Promise<void>(() => undefined));
  const added = loop.add(1);
  await expect(hung).rejects.toMatchObject({ code: 'storage_unavailable' });
  await begun(groups, 1);
  groups[0]?.end();
  expect(await added).toBe('done 1');
});

test('what did not fit into a group that hangs does not wait for it either', async () => {
  const { loop, groups } = setUp({ maxWeight: 1, patienceMs: 10 });
  const all = Promise.all([1, 2, 3].map((item) => loop.add(item)));
  await begun(groups, 3);
  for (const { end } of groups) end();
  expect(await all).toEqual(['done 1', 'done 2', 'done 3']);
});
