import { setTimeout as wait } from 'node:timers/promises';
import type { WaitClock } from '@agentfleet/resilience';

/** setTimeout takes 31 bits; more would fire at once. */
const LONGEST_SLEEP_MS = 2 ** 31 - 1;

/** Milliseconds since 1970. */
export const wallClockMs = (): number => Date.now();

export const systemClock: WaitClock = {
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) => wait(Math.min(ms, LONGEST_SLEEP_MS), undefined, signal ? { signal } : {}),
  random: () => Math.random(),
};
