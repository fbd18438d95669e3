import { isEnding } from './run.mjs';

/** An error whose message is meant for the person at the terminal: printed without a stack. */
export class UserError extends Error {
  name = 'UserError';
}

const seconds = (sinceMs) => `${((Date.now() - sinceMs) / 1000).toFixed(1)} s`;

/**
 * Lines about what is going on. A step that takes long says every 10 s how long it has been running, so that nobody
 * has to guess whether it hangs.
 * @param {(line: string) => void} write one line without its line end
 */
export function createProgress(write = (line) => process.stdout.write(`${line}\n`), everyMs = 10_000) {
  return {
    line: write,
    async step(title, work) {
      const startedMs = Date.now();
      write(`${title} ...`);
      const timer = setInterval(() => write(`  ${title}: still at it after ${seconds(startedMs)}`), everyMs);
      try {
        const result = await work();
        write(`  done in ${seconds(startedMs)}`);
        return result;
      } catch (error) {
        write(`  failed after ${seconds(startedMs)}`);
        throw error;
      } finally {
        clearInterval(timer);
      }
    },
  };
}

/** Prints an error as a person needs it and ends the process with exit code 1. */
export function exitWith(error) {
  if (isEnding()) return; // it was broken off on purpose, and the process ends by the signal that said so
  process.stderr.write(`${error instanceof UserError ? error.message : (error?.stack ?? String(error))}\n`);
  process.exit(1);
}
