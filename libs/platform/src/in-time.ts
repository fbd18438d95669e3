import { AppError } from '@agentfleet/errors';

/** Longer than the driver waits for a socket (30 s) and a transaction tries again (10 s). */
const HUNG_AFTER_MS = 45_000;

/**
 * The driver never answers a command that it began while its connection broke. Whoever waits for such work gets an error in the
 * end and goes on; should it be carried out after all, that is like an answer that was lost.
 * @throws AppError `storage_unavailable`
 */
export async function inTime<T>(work: Promise<T>, limitMs = HUNG_AFTER_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const hung = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new AppError('storage_unavailable', { cause: new Error('It was never answered') })), limitMs);
    timer.unref();
  });
  try {
    return await Promise.race([work, hung]);
  } finally {
    clearTimeout(timer);
  }
}
