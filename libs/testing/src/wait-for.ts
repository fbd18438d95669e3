/**
 * Waits until `probe` returns something other than false, null or undefined, and returns that. Errors of the probe count as
 * "not yet" until the deadline, and then become the cause.
 */
export async function waitFor<T>(what: string, probe: () => Promise<T> | T, options: { timeoutMs?: number; everyMs?: number } = {}): Promise<NonNullable<T>> {
  const { timeoutMs = 10_000, everyMs = 20 } = options;
  const endsAt = performance.now() + timeoutMs;
  let lastError: unknown;
  for (;;) {
    try {
      const value = await probe();
      if (value !== null && value !== undefined && value !== false) return value;
    } catch (error) {
      lastError = error;
    }
    if (performance.now() > endsAt) throw new Error(`Waited ${timeoutMs} ms for ${what}`, { cause: lastError });
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
