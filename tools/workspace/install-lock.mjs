import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readIfThere } from './files.mjs';
import { UserError } from './progress.mjs';
import { commandLine, isAlive, waitUntil } from './run.mjs';

const WAIT_LIMIT_MS = 600_000;

/** Beside node_modules, since an installation begins by deleting that. Holds our process id, then npm's. */
export const installLockFile = (root) => join(root, '.cache/install.pid');

/**
 * The process of another installation that works in this checkout now, or undefined. npm itself counts too: it goes on
 * alone when the command that started it was killed.
 */
export function otherInstallation(root) {
  const [owner, npm] = (readIfThere(installLockFile(root)) ?? '').split('\n').map(Number);
  if (owner && owner !== process.pid && runs(owner, /tools/)) return owner;
  return npm && runs(npm, /npm/) ? npm : undefined;
}

/** Process ids are used again: it has to be one of ours. */
function runs(pid, words) {
  const command = commandLine(pid);
  return isAlive(pid) && (command === undefined || words.test(command));
}

/** Waits until no other installation works in this checkout. */
export async function waitForOtherInstallation(root, progress, limitMs = WAIT_LIMIT_MS) {
  const other = otherInstallation(root);
  if (!other) return;
  await progress.step(`Waiting for another installation in this directory (pid ${other})`, async () => {
    if (await waitUntil(() => !otherInstallation(root), limitMs)) return;
    throw new UserError(`another installation (pid ${other}) still works in ${root}; wait for it, or end it (kill ${other}), and run this again`);
  });
}

/** @returns {{npm(pid: number): void, release(): void}} `npm` notes the process that does the work */
export function lockInstallation(root) {
  const file = installLockFile(root);
  mkdirSync(dirname(file), { recursive: true });
  rmSync(file, { force: true });
  try {
    writeFileSync(file, `${process.pid}\n`, { flag: 'wx' });
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    throw new UserError('another installation began in this directory at the same moment; wait for it and run this again');
  }
  return {
    npm: (pid) => writeFileSync(file, `${process.pid}\n${pid}\n`),
    release: () => rmSync(file, { force: true }),
  };
}
