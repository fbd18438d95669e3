import { execFile } from 'node:child_process';
import { accessSync, constants, realpathSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const TIME_LIMIT_MS = 2000;
/** From this major version on the apps need about half the processor time of Node 20 (`npm run bench -- --node 20,24`). */
const FAST_MAJOR = 22;

const majorOf = (version) => Number(version.replace(/^v/, '').split('.')[0]);

/** Every `node` on the PATH but this process's own, each once. */
function othersOn(path, own) {
  const found = new Set();
  for (const directory of path.split(delimiter).filter(Boolean)) {
    try {
      const file = realpathSync(join(directory, 'node'));
      accessSync(file, constants.X_OK);
      if (file !== realpathSync(own)) found.add(directory);
    } catch {
      // No Node there.
    }
  }
  return [...found];
}

function versionOf(directory) {
  return new Promise((done) => {
    execFile(join(directory, 'node'), ['--version'], { timeout: TIME_LIMIT_MS }, (error, output) => done(error ? undefined : output.trim()));
  });
}

/**
 * One line about a newer Node that is there and would be faster; undefined when this one is new enough or there is none.
 * @param {{version: string, execPath: string, path: string}} own this process's
 */
export async function newerNodeNote({ version, execPath, path }) {
  if (majorOf(version) >= FAST_MAJOR) return undefined;
  const versions = await Promise.all(othersOn(path, execPath).map(async (directory) => ({ directory, version: await versionOf(directory) })));
  const newer = versions.filter((one) => /^v\d+\.\d+\.\d+$/.test(one.version ?? '') && majorOf(one.version) >= FAST_MAJOR).sort((a, b) => majorOf(b.version) - majorOf(a.version))[0];
  if (!newer) return undefined;
  return `Node ${newer.version} is on the PATH too and needs about half the processor time of ${version}:  PATH="${newer.directory}:$PATH" npm start`;
}
