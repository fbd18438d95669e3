import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readIfThere } from '../workspace/files.mjs';
import { UserError } from '../workspace/progress.mjs';
import { commandLine, isAlive } from '../workspace/run.mjs';

/**
 * One stack per DATA_DIR. Refuses when another `npm start` runs on it.
 * @returns {{leftOver: boolean, release(): void}} `leftOver`: the last one did not end by itself
 */
export function lockDataDirectory(directory) {
  const file = join(directory, 'start.pid');
  const before = Number(readIfThere(file) ?? NaN);
  if (Number.isInteger(before) && before !== process.pid && runsStart(before)) {
    throw new UserError(
      `npm start is already running on ${directory} (pid ${before}). Stop it first, or set DATA_DIR and the ports for a second stack`,
    );
  }
  rmSync(file, { force: true });
  try {
    writeFileSync(file, `${process.pid}\n`, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    throw new UserError(`another npm start began on ${directory} at the same moment; wait for that one`);
  }
  return {
    leftOver: Number.isInteger(before),
    release() {
      if (Number(readIfThere(file)) === process.pid) rmSync(file, { force: true });
    },
  };
}

/** Process ids are used again: it has to be one of ours. */
function runsStart(pid) {
  if (!isAlive(pid)) return false;
  const command = commandLine(pid);
  return command === undefined || command.includes('start.mjs');
}
