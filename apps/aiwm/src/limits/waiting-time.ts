const MINUTE_S = 60;

/** `40 seconds`, `14 minutes`: whole ones, never too few. */
export function waitingTime(seconds: number): string {
  const [count, unit] = seconds > MINUTE_S ? [Math.ceil(seconds / MINUTE_S), 'minute'] : [Math.max(1, Math.ceil(seconds)), 'second'];
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}
