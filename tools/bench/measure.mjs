import { cpuMicros } from './processes.mjs';

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

/**
 * Runs `callers` loops of `one(caller)` for `seconds`, after a short warm-up.
 * @returns calls per second, p50 and p99 in milliseconds, CPU of the process per call in microseconds
 */
export async function load(one, { callers, seconds, pid }) {
  await run(one, callers, Math.min(1, seconds / 3));
  const cpuBefore = cpuMicros(pid);
  const startedAt = performance.now();
  const latencies = await run(one, callers, seconds);
  const elapsed = (performance.now() - startedAt) / 1000;
  latencies.sort((a, b) => a - b);
  return {
    perSecond: latencies.length / elapsed,
    p50Ms: latencies[Math.floor(latencies.length * 0.5)],
    p99Ms: latencies[Math.floor(latencies.length * 0.99)],
    cpuMicrosPerCall: (cpuMicros(pid) - cpuBefore) / latencies.length,
  };
}

async function run(one, callers, seconds) {
  const endsAt = performance.now() + seconds * 1000;
  const latencies = [];
  const loop = async (caller) => {
    while (performance.now() < endsAt) {
      const startedAt = performance.now();
      await one(caller);
      latencies.push(performance.now() - startedAt);
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, caller) => loop(caller)));
  return latencies;
}

/** Two measurements in turn, `rounds` times; the order changes, so that drift hits both alike. */
export async function interleaved(rounds, product, baseline) {
  const pairs = [];
  for (let round = 0; round < rounds; round++) {
    if (round % 2 === 0) pairs.push({ product: await product(), baseline: await baseline() });
    else {
      const first = await baseline();
      pairs.push({ product: await product(), baseline: first });
    }
  }
  return pairs;
}

/** Median, minimum and maximum of a figure over all pairs, and how many there were. */
export function spread(pairs, figure) {
  const values = pairs.map(figure);
  return { median: median(values), min: Math.min(...values), max: Math.max(...values), n: values.length };
}

/** A figure that was measured once. */
export const single = (value) => ({ median: value, min: value, max: value, n: 1 });
