import { RUN_END_REASONS } from '@agentfleet/contracts';
import { END_TRIGGERS, stateAfter } from './run-state';

const RUNNING = { state: 'running', pauseRequested: false } as const;
const STATES: Readonly<Record<string, string>> = { stop: 'succeeded', cancelled: 'cancelled', session_deleted: 'cancelled' };

it.each(RUN_END_REASONS.filter((reason) => reason !== 'queue_timeout' && reason !== 'wait_expired'))('a run that executes may end by %s', (reason) => {
  expect(stateAfter(RUNNING, END_TRIGGERS[reason])).toEqual({ state: STATES[reason] ?? 'failed', active: false });
});

it('what cannot happen to a run is a bug', () => {
  expect(stateAfter({ state: 'queued' }, END_TRIGGERS.queue_timeout)).toEqual({ state: 'failed', active: false });
  expect(() => stateAfter(RUNNING, END_TRIGGERS.queue_timeout)).toThrow('running cannot be queue_timed_out');
  expect(() => stateAfter({ state: 'succeeded' }, END_TRIGGERS.cancelled)).toThrow('succeeded cannot be cancel');
});
