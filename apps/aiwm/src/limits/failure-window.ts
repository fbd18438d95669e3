/** So many failures within the window, and no more. */
export interface FailureLimit {
  readonly limit: number;
  readonly windowMs: number;
}

/** Those of the failures (times in milliseconds) that the window still holds, oldest first, at most as many as the limit. */
export function withinWindow(times: readonly number[], nowMs: number, { limit, windowMs }: FailureLimit): readonly number[] {
  if (times.length === 0) return times;
  return times
    .filter((at) => at > nowMs - windowMs)
    .sort((a, b) => a - b)
    .slice(-limit);
}

/** For how many whole seconds the window has no room for another attempt; 0 when it has. */
export function blockedForSeconds(times: readonly number[], nowMs: number, rule: FailureLimit): number {
  const held = withinWindow(times, nowMs, rule);
  const oldest = held[0];
  if (held.length < rule.limit || oldest === undefined) return 0;
  return Math.max(1, Math.ceil((oldest + rule.windowMs - nowMs) / 1000));
}
