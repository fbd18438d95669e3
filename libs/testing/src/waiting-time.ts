import { performance } from 'node:perf_hooks';

/**
 * How long this process had nothing to do while some work was under way, in milliseconds: what an answer was really waited
 * for. A process that computes, or that others on a busy machine keep from a processor, does not wait; so a bound of this
 * says of a replica in this process that it lets nobody wait longer, on every machine. Throws what the work throws.
 */
export async function waitedFor<T>(work: () => Promise<T>): Promise<{ readonly result: T; readonly waitedMs: number }> {
  const before = performance.eventLoopUtilization();
  const result = await work();
  return { result, waitedMs: performance.eventLoopUtilization(before).idle };
}
