import { newProgress } from '@agentfleet/engine';
import type { RunEventBody } from '@agentfleet/contracts';
import type { RunCommit } from './run.repository';
import type { RunDocument } from './run.schema';
import { LeaseLost, RunCommits } from './run-commits';
import { RunJournal, type JournalEntry } from './run-journal';

const text = (value: string): RunEventBody => ({ type: 'text', data: { text: value, author: 'assistant' } });
const run = { _id: 'run_1', session_key: 's', last_seq: 4, step_seq: 4, last_event_at: new Date(1_000_000), next_message_index: 2 } as RunDocument; // what the journal reads of a run

/** A store whose commits end when the spec lets them. */
function rig(options: { nowMs?: number } = {}) {
  const commits: RunCommit[] = [];
  const shown: number[] = [];
  const waiting: ((outcome: 'committed' | 'fenced' | Error) => void)[] = [];
  const clock = { now: () => options.nowMs ?? 2_000_000, monotonicMs: () => 0, sleep: () => Promise.resolve(), random: () => 0 };
  const loop = new RunCommits<JournalEntry>({
    clock,
    commit: (group) => {
      commits.push(...group);
      return new Promise((resolve, reject) => waiting.push((outcome) => (outcome instanceof Error ? reject(outcome) : resolve([outcome]))));
    },
  });
  const journal = new RunJournal(run, 7, {
    commits: loop,
    committed: (frames) => void shown.push(...frames.map((frame) => frame.seq)),
    failed: () => undefined,
    mayRetry: () => retries-- > 0,
    activeMs: () => 0,
    clock,
    coalesceMs: 0,
  });
  let retries = 3;
  const answer = async (outcome: 'committed' | 'fenced' | Error = 'committed') => {
    waiting.shift()?.(outcome);
    await turn();
  };
  return { journal, commits, shown, answer };
}

/** A commit begins with all that one turn of the event loop brings. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

const seqs = (commit: RunCommit | undefined) => commit?.events.map((event) => event.seq);

describe('RunJournal', () => {
  it('commits at once, groups what arrives meanwhile, shows only what is committed', async () => {
    const { journal, commits, shown, answer } = rig();
    await journal.show(text('a'));
    await turn();
    expect(commits.map(seqs)).toEqual([[5]]);
    for (const value of ['b', 'c', 'd']) await journal.show(text(value));
    expect(shown).toEqual([]);
    await answer();
    expect(shown).toEqual([5]);
    expect(commits.map(seqs)).toEqual([[5], [6, 7, 8]]);
    expect(commits[1]).toMatchObject({ previousSeq: 5, epoch: 7, set: { last_seq: 8 } });
    await answer();
    expect(shown).toEqual([5, 6, 7, 8]);
  });

  it('a step is durable when it resolves, and names where it ended', async () => {
    const { journal, commits, answer } = rig();
    let isDone = false;
    const progress = newProgress(0);
    const message = { role: 'assistant', runId: 'run_1', content: 'x', toolCalls: [], model: 'm' } as const;
    void journal.step({ events: [text('a'), text('b')], messages: [message], progress }).then(() => (isDone = true));
    await turn();
    expect(isDone).toBe(false);
    expect(commits[0]).toMatchObject({ set: { last_seq: 6, step_seq: 6, next_message_index: 3, progress }, messages: [{ index: 2 }] });
    await answer();
    expect(isDone).toBe(true);
  });

  it('timestamps never go back', async () => {
    const { journal, commits } = rig({ nowMs: 500 });
    await journal.show(text('a'));
    await turn();
    expect(commits[0]?.events[0]?.frame).toContain(new Date(1_000_000).toISOString());
  });

  it('a refused write ends everything silently', async () => {
    const { journal, shown, answer } = rig();
    const refused = expect(journal.step({ events: [text('a')], messages: [], progress: newProgress(0) })).rejects.toThrow(LeaseLost);
    await turn();
    await answer('fenced');
    await refused;
    await expect(journal.show(text('b'))).rejects.toThrow(LeaseLost);
    expect(shown).toEqual([]);
  });

  it('the same commit is tried again while storage is away, until the lease is over', async () => {
    const { journal, commits, shown, answer } = rig();
    void journal.show(text('a'));
    await turn();
    await answer(new Error('away'));
    await turn();
    expect(commits).toHaveLength(2);
    expect(commits[1]).toBe(commits[0]);
    await answer();
    expect(shown).toEqual([5]);
    const lost = expect(journal.step({ events: [text('b')], messages: [], progress: newProgress(0) })).rejects.toThrow(LeaseLost);
    await turn();
    for (let n = 0; n < 3; n++) await answer(new Error('away'));
    await lost;
  });
});
