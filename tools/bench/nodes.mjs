// The versions of Node that the bench measures under.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDirectory } from '../workspace/paths.mjs';
import { UserError } from '../workspace/progress.mjs';

const majorOf = (version) => Number(version.replace(/^v/, '').split('.')[0]);

/**
 * The binaries for major versions: this process's own, or the `node` package of npm, which is one Node as a package.
 * @param {readonly number[]} majors
 * @returns {{major: number, version: string, execPath: string}[]}
 */
export function nodesFor(majors) {
  return majors.map((major) => (major === majorOf(process.version) ? { major, version: process.version, execPath: process.execPath } : fromPackage(major)));
}

export const ownMajor = majorOf(process.version);

function fromPackage(major) {
  const directory = join(cacheDirectory(), `node-${major}`);
  const execPath = join(directory, 'node_modules/node/bin/node');
  if (!existsSync(execPath)) {
    try {
      execFileSync('npm', ['install', '--prefix', directory, '--no-audit', '--no-fund', `node@${major}`], { stdio: ['ignore', 'ignore', 'pipe'] });
    } catch (error) {
      throw new UserError(`Node ${major} could not be installed from the package node@${major}: ${String(error.stderr ?? error).trim().slice(0, 500)}`);
    }
  }
  return { major, version: execFileSync(execPath, ['--version'], { encoding: 'utf8' }).trim(), execPath };
}
