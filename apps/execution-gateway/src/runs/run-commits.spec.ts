import { AppError } from '@agentfleet/errors';
import { LeaseLost, RunCommits, type CommitSource } from './run-commits';
import type { RunCommit } from './run.repository';

interface Entry {
  readonly events: readonly string[];
}
type Outcome = 'committed' | 'fenced';

/** A store whose groups end as the spec says. */
function rig(answer: (commits: readonly RunCommit[], attempt: number) => readonly Outcome[] | Promise<readonly Outcome[]>) {
  const groups: string[][] = [];
  const loop = new RunCommits<Entry>({
    clock: { monotonicMs: () => 0, sleep: () => Promise.resolve() },
    commit: async (commits) => {
      groups.push(commits.map(({ runId, events }) => `${runId}:${events.join('')}`));
      return answer(commits, groups.length);
    },
  });
  const shown: string[] = [];
  const source = (runId: string, holdsFor = Infinity): CommitSource<Entry> => ({
    prepare: (entries) => ({ runId, epoch: 1, previousSeq: 0, events: entries.flatMap(({ events }) => events) as never, messages: [], set: {} }), // letters stand for events
    committed: ({ events }) => void shown.push(`${runId}:${events.join('')}`),
    failed: () => void (holdsFor -= 1),
    mayRetry: () => holdsFor > 0,
  });
  const add = (one: CommitSource<Entry>, event: string) => loop.add(one, { events: [event] });
  return { groups, shown, source, add };
}

const all = (commits: readonly RunCommit[]): readonly Outcome[] => commits.map(() => 'committed');

describe('RunCommits', () => {
  it('writes what several runs say at once as one group, each run in its order and as one commit', async () => {
    const { groups, shown, source, add } = rig(all);
    const [a, b] = [source('A'), source('B')];
    await Promise.all([add(a, 'a'), add(b, 'x'), add(a, 'b'), add(b, 'y'), add(a, 'c')]);
    expect(groups).toEqual([['A:abc', 'B:xy']]);
    expect(shown).toEqual(['A:abc', 'B:xy']);
  });

  it('the fenced run of a group hears that its lease is lost and shows nothing; the other one goes on', async () => {
    const { shown, source, add } = rig((commits) => commits.map(({ runId }) => (runId === 'A' ? 'fenced' : 'committed')));
    const [a, b] = [source('A'), source('B')];
    const lost = expect(add(a, 'a')).rejects.toThrow(LeaseLost);
    await add(b, 'x');
    await lost;
    await add(b, 'y');
    expect(shown).toEqual(['B:x', 'B:y']);
  });

  it('a run whose journal is lost before the group begins takes nothing from the others', async () => {
    const { groups, source, add } = rig(all);
    const lost: CommitSource<Entry> = { ...source('A'), prepare: () => { throw new LeaseLost(); } };
    const refused = expect(add(lost, 'a')).rejects.toThrow(LeaseLost);
    await add(source('B'), 'x');
    await refused;
    expect(groups).toEqual([['B:x']]);
  });

  it('while storage is away the same commits are tried again, each run until its lease is over', async () => {
    const { groups, shown, source, add } = rig((commits, attempt) => {
      if (attempt < 4) throw Object.assign(new Error('away'), { code: 'ECONNRESET' });
      return all(commits);
    });
    const over = expect(add(source('A', 2), 'a')).rejects.toThrow(LeaseLost);
    await add(source('B'), 'x');
    await over;
    expect(groups).toEqual([['A:a', 'B:x'], ['A:a', 'B:x'], ['B:x'], ['B:x']]);
    expect(shown).toEqual(['B:x']);
  });

  it('a run whose commit is refused again and again is given up long before its lease is over', async () => {
    const { groups, source, add } = rig(() => { throw new AppError('validation_failed'); });
    await expect(add(source('A'), 'a')).rejects.toThrow(LeaseLost);
    expect(groups).toHaveLength(3);
  });

  it('a commit that is never answered is written again', async () => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick'] });
    try {
      const { groups, shown, source, add } = rig((commits, attempt) => (attempt === 1 ? new Promise<never>(() => undefined) : all(commits)));
      const added = add(source('A'), 'a');
      while (groups.length === 0) await new Promise((resolve) => setImmediate(resolve));
      await jest.advanceTimersByTimeAsync(3000);
      await added;
      expect([groups, shown]).toEqual([[['A:a'], ['A:a']], ['A:a']]);
    } finally {
      jest.useRealTimers();
    }
  });

  it('a fault while the others are told does not undo what is durable', async () => {
    const { groups, source, add } = rig(all);
    await add({ ...source('A'), committed: () => { throw new Error('bug'); } }, 'a');
    expect(groups).toEqual([['A:a']]);
  });

  it('what only one run is guilty of does not end the others', async () => {
    const { shown, source, add } = rig((commits) => {
      if (commits.some(({ runId }) => runId === 'A')) throw new AppError('validation_failed');
      return all(commits);
    });
    const refused = expect(add(source('A', 2), 'a')).rejects.toThrow(LeaseLost);
    await add(source('B'), 'x');
    await refused;
    expect(shown).toEqual(['B:x']);
  });
});
