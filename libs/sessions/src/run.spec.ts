import fc from 'fast-check';
import { claimRun, isFinalRunState, transitionRun, type UnheldRun, type RunState, type RunTrigger } from './run';

const QUEUED: RunState = { state: 'queued' };
const RUNNING: RunState = { state: 'running', pauseRequested: false };
const PAUSING: RunState = { state: 'running', pauseRequested: true };
const INPUT: RunState = { state: 'waiting', waitingFor: 'input' };
const PAUSED: RunState = { state: 'waiting', waitingFor: 'resume', inputPending: false };
const PAUSED_INPUT: RunState = { state: 'waiting', waitingFor: 'resume', inputPending: true };
const CANCELLED: RunState = { state: 'cancelled' };
const SUCCEEDED: RunState = { state: 'succeeded' };
const failed = (failure: Extract<RunState, { state: 'failed' }>['failure']): RunState => ({ state: 'failed', failure });

const ALL: Readonly<Record<RunTrigger['kind'], RunTrigger>> = {
  claimed: { kind: 'claimed' },
  queue_timed_out: { kind: 'queue_timed_out' },
  finished: { kind: 'finished' },
  limit_reached: { kind: 'limit_reached', limit: 'max_iterations' },
  engine_failed: { kind: 'engine_failed' },
  input_needed: { kind: 'input_needed' },
  input_resolved: { kind: 'input_resolved' },
  pause: { kind: 'pause' },
  step_boundary: { kind: 'step_boundary' },
  resume: { kind: 'resume' },
  wait_expired: { kind: 'wait_expired' },
  lease_lost: { kind: 'lease_lost', takeoversAtStep: 1 },
  released: { kind: 'released' },
  cancel: { kind: 'cancel' },
};

/** Everything that a state reacts to; what is not listed is impossible there. */
const TABLE: [string, RunState, Partial<Record<RunTrigger['kind'], RunState | 'unchanged'>>][] = [
  ['queued', QUEUED, { claimed: RUNNING, queue_timed_out: failed('queue_timeout'), pause: PAUSED, resume: 'unchanged', cancel: CANCELLED }],
  [
    'running',
    RUNNING,
    {
      finished: SUCCEEDED,
      limit_reached: failed({ limit: 'max_iterations' }),
      engine_failed: failed('error'),
      input_needed: INPUT,
      pause: PAUSING,
      step_boundary: 'unchanged',
      resume: 'unchanged',
      lease_lost: QUEUED,
      released: QUEUED,
      cancel: CANCELLED,
    },
  ],
  [
    'running, pause requested',
    PAUSING,
    {
      finished: SUCCEEDED,
      limit_reached: failed({ limit: 'max_iterations' }),
      engine_failed: failed('error'),
      input_needed: PAUSED_INPUT,
      pause: 'unchanged',
      step_boundary: PAUSED,
      resume: RUNNING,
      lease_lost: QUEUED,
      released: QUEUED,
      cancel: CANCELLED,
    },
  ],
  ['waiting for input', INPUT, { input_resolved: QUEUED, pause: PAUSED_INPUT, resume: 'unchanged', wait_expired: failed('wait_expired'), cancel: CANCELLED }],
  ['paused', PAUSED, { resume: QUEUED, pause: 'unchanged', wait_expired: failed('wait_expired'), cancel: CANCELLED }],
  [
    'paused, input pending',
    PAUSED_INPUT,
    { resume: INPUT, input_resolved: PAUSED, pause: 'unchanged', wait_expired: failed('wait_expired'), cancel: CANCELLED },
  ],
];

describe.each(TABLE)('%s', (_name, run, row) => {
  it.each(Object.values(ALL).map((trigger) => [trigger.kind, trigger] as const))('%s', (kind, trigger) => {
    const expected = row[kind];
    const result = transitionRun(run, trigger);
    if (expected === undefined) expect(result).toEqual({ kind: 'impossible' });
    else if (expected === 'unchanged') expect(result).toEqual({ kind: 'unchanged' });
    else expect(result).toEqual({ kind: 'moved', to: expected });
  });
});

it.each([SUCCEEDED, failed('error'), CANCELLED])('nothing changes a final run: %j', (run) => {
  for (const trigger of Object.values(ALL)) expect(transitionRun(run, trigger)).toEqual({ kind: 'unchanged' });
});

it('ends a run that killed five executors at one step', () => {
  expect(transitionRun(RUNNING, { kind: 'lease_lost', takeoversAtStep: 4 })).toEqual({ kind: 'moved', to: QUEUED });
  expect(transitionRun(RUNNING, { kind: 'lease_lost', takeoversAtStep: 5 })).toEqual({ kind: 'moved', to: failed('crash_loop') });
});

it('stays final once it is final, for any story', () => {
  const trigger = fc.constantFrom(...Object.values(ALL));
  fc.assert(
    fc.property(fc.array(trigger, { maxLength: 40 }), (story) => {
      let run: RunState = QUEUED;
      let final: RunState | null = null;
      for (const happening of story) {
        const result = transitionRun(run, happening);
        if (result.kind === 'moved') run = result.to;
        if (final !== null) expect(run).toBe(final);
        if (isFinalRunState(run.state)) final = run;
      }
    }),
  );
});

describe('claimRun', () => {
  const runs = { state: 'running', pauseRequested: false } as const;
  const ends = (failure: 'crash_loop' | 'queue_timeout') => ({ state: 'failed', failure }) as const;
  const waiting: UnheldRun = { state: QUEUED, attempt: 1, hasStarted: false, takeoversAtStep: 0, isOverdue: false };

  it.each<[string, Partial<UnheldRun>, ReturnType<typeof claimRun>]>([
    ['a new run runs', {}, { state: runs, attempt: 1, takeoversAtStep: 0, isTakeover: false }],
    ['one that was given back is begun again', { hasStarted: true }, { state: runs, attempt: 2, takeoversAtStep: 0, isTakeover: false }],
    ['one whose executor is gone is taken over', { state: RUNNING, hasStarted: true, attempt: 2, takeoversAtStep: 3 }, { state: runs, attempt: 3, takeoversAtStep: 4, isTakeover: true }],
    ['one that loses all its executors is ended', { state: RUNNING, hasStarted: true, takeoversAtStep: 4 }, { state: ends('crash_loop'), attempt: 1, takeoversAtStep: 5, isTakeover: true }],
    ['one that waited too long for a slot is ended', { isOverdue: true }, { state: ends('queue_timeout'), attempt: 1, takeoversAtStep: 0, isTakeover: false }],
    ['one that has begun may wait for its next executor', { isOverdue: true, hasStarted: true }, { state: runs, attempt: 2, takeoversAtStep: 0, isTakeover: false }],
    ['one that waits for somebody is left alone', { state: INPUT }, undefined],
    ['one that has ended too', { state: failed('error') }, undefined],
  ])('%s', (_what, run, expected) => expect(claimRun({ ...waiting, ...run })).toEqual(expected));
});
