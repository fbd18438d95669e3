const MAX_TRIES = 8;
const MIN_TRIES = 2;

interface Growth {
  readonly from: number;
  /** A multiple of `from`: the larger, the farther apart are a cost in proportion and one with the square. */
  readonly to: number;
  /** Milliseconds that a small piece may cost whatever its size: the request itself, collection of garbage. */
  readonly noiseMs: number;
  /** The work of that size; it must run in this process. */
  readonly work: (size: number) => Promise<unknown>;
}

/** Milliseconds of processor, of all threads of this process, that a piece of work takes. */
async function processorMs(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/**
 * How the processor time of some work grows with its size: `in proportion`, or the two times in words, as when it grows with
 * the square. The line is drawn in the middle of both: of four times the size, eight times the cost. Each size is tried up
 * to eight times and its least counts, since everything else on the machine only adds; so a busy machine takes longer and
 * changes nothing. Throws what the work throws.
 */
export async function processorTimeGrowth({ from, to, noiseMs, work }: Growth): Promise<string> {
  const most = (to / from) ** 1.5;
  let [small, large] = [Infinity, Infinity];
  for (let tries = 1; tries <= MAX_TRIES; tries++) {
    small = Math.min(small, await processorMs(() => work(from)));
    large = Math.min(large, await processorMs(() => work(to)));
    if (tries >= MIN_TRIES && large < most * Math.max(small, noiseMs)) return 'in proportion';
  }
  return `${small} ms for ${from}, ${large} ms for ${to}`;
}

/** So many items with commas between them, for large JSON bodies. */
export function jsonItems(count: number, item: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => item(index)).join(',');
}
