import type { WaitClock } from '@agentfleet/resilience';

/** `ms`, off by up to `share` of it to either side, so that a fleet started together spreads. */
export function spread(ms: number, share: number, clock: Pick<WaitClock, 'random'>): number {
  return ms * (1 - share + 2 * share * clock.random());
}

/** True after the pause, false when it was cut short. */
export async function rest(ms: number, signal: AbortSignal, clock: Pick<WaitClock, 'sleep'>): Promise<boolean> {
  if (signal.aborted) return false;
  await clock.sleep(Math.max(0, ms), signal).catch(() => undefined);
  return !signal.aborted;
}
