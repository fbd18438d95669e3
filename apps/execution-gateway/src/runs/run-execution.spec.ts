import { newProgress, type EngineItem } from '@agentfleet/engine';
import { HeldLease } from '@agentfleet/platform';
import { RunExecution, type ExecutionPorts } from './run-execution';
import { RunCommits } from './run-commits';
import { RunJournal, type JournalEntry } from './run-journal';
import { claimOf } from './run-state';
import { RUN_LEASE, type RunCommit } from './run.repository';
import type { RunDocument } from './run.schema';

const fresh = {
  _id: 'run_1',
  session_key: 's',
  session_id: 'sess',
  turn_id: 'run_1',
  engine: 'local',
  state: 'queued',
  attempt: 1,
  takeovers_at_step: 0,
  created_at: new Date(),
  started_at: null,
  first_seq: 1,
  last_seq: 1,
  step_seq: 1,
  last_event_at: new Date(),
  next_message_index: 1,
  progress: newProgress(0),
  active_ms: 0,
  requests: [],
} as unknown as RunDocument; // what an execution reads of a run

function rig(run: RunDocument, items: () => AsyncGenerator<EngineItem, void>, more: Partial<ExecutionPorts> = {}) {
  const commits: RunCommit[] = [];
  const failures: unknown[] = [];
  const clock = { now: () => Date.now(), monotonicMs: () => performance.now(), sleep: () => new Promise<void>(() => undefined), random: () => 0 };
  const lease = new HeldLease(RUN_LEASE, { renew: async () => true, lost: () => undefined, clock });
  const journal = new RunJournal(run, 1, {
    commits: new RunCommits<JournalEntry>({
      clock,
      commit: async (group) => {
        commits.push(...group);
        return group.map(() => 'committed');
      },
    }),
    committed: () => undefined,
    failed: () => undefined,
    mayRetry: () => false,
    activeMs: () => 0,
    clock,
    coalesceMs: 0,
  });
  const claim = claimOf(run, { nowMs: Date.now(), timeoutMs: 60_000 });
  if (!claim) throw new Error('this run cannot be claimed');
  const execution = new RunExecution(
    { run, epoch: 1, claim },
    {
      journal,
      lease,
      clock,
      maxSeconds: 60,
      start: async () => ({ items: items() }),
      failed: (error) => void failures.push(error),
      ended: () => undefined,
      ...more,
    },
  );
  const execute = async () => {
    try {
      return await execution.execute();
    } finally {
      lease.stop();
    }
  };
  const types = () => commits.flatMap((commit) => commit.events.map((event) => event.type));
  const lastSet = () => commits.at(-1)?.set;
  return { execution, execute, types, lastSet, failures };
}

async function* nothing(): AsyncGenerator<EngineItem, void> {
  // an engine that is never asked
}

describe('RunExecution', () => {
  it('says nothing before the engine the first time, and names what is superseded after a crash', async () => {
    const first = rig(fresh, nothing);
    expect(await first.execute()).toBe('released');
    expect(first.types()).toEqual([]);
    const again = rig({ ...fresh, state: 'running', started_at: new Date(), last_seq: 5, step_seq: 3 }, nothing);
    await again.execute();
    expect(again.types()).toEqual(['status']);
  });

  it('gives a run up at its fifth takeover at the same step, not before', async () => {
    const run = { ...fresh, state: 'running', started_at: new Date() } as const;
    const fourth = rig({ ...run, takeovers_at_step: 3 }, nothing);
    expect(await fourth.execute()).toBe('released');
    const fifth = rig({ ...run, takeovers_at_step: 4 }, nothing);
    expect(await fifth.execute()).toBe('ended');
    expect(fifth.types()).toEqual(['error', 'query_complete']);
    expect(fifth.lastSet()).toMatchObject({ active: false, state: 'failed', reason: 'crash_loop' });
  });

  it('a run that waited too long for a slot fails', async () => {
    const late = rig({ ...fresh, created_at: new Date(Date.now() - 61_000) }, nothing);
    expect(await late.execute()).toBe('ended');
    expect(late.lastSet()).toMatchObject({ state: 'failed', reason: 'queue_timeout', error: { code: 'queue_timeout' } });
  });

  it('a request to cancel that came before the claim ends the run without the engine', async () => {
    const asked = rig({ ...fresh, requests: [{ kind: 'cancel', ends_as: 'cancelled', reason: 'enough', by: null, at: new Date() }] }, nothing, {
      start: () => Promise.reject(new Error('must not be started')),
    });
    expect(await asked.execute()).toBe('ended');
    expect(asked.types()).toEqual(['cancelled', 'query_complete']);
    expect(asked.lastSet()).toMatchObject({ state: 'cancelled', reason: 'cancelled' });
  });

  it('an engine that throws ends the run, and the details go to the log only', async () => {
    const broken = rig(fresh, async function* () {
      yield { kind: 'event', event: { type: 'text', data: { text: 'a', author: 'assistant' } } };
      throw new TypeError('secret details');
    });
    expect(await broken.execute()).toBe('ended');
    expect(broken.types()).toEqual(['text', 'error', 'query_complete']);
    expect(broken.lastSet()).toMatchObject({ state: 'failed', reason: 'error', error: { code: 'internal' } });
    expect(String(broken.failures[0])).toContain('secret details');
  });

  it('stops after the step in progress when the replica is told to stop', async () => {
    let asked = 0;
    const drained = rig(fresh, async function* () {
      for (;;) {
        asked += 1;
        yield { kind: 'step', events: [{ type: 'status', data: { status: 'x', message: 'x' } }], messages: [], progress: newProgress(0) };
      }
    });
    drained.execution.drain(false);
    expect(await drained.execute()).toBe('released');
    expect(asked).toBe(1);
  });
});
