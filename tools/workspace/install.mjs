import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readIfThere } from './files.mjs';
import { lockInstallation, waitForOtherInstallation } from './install-lock.mjs';
import { UserError } from './progress.mjs';
import { lastLines, onPath, run } from './run.mjs';

const STAMP = 'node_modules/.agentfleet-installed';

/** Runs `npm ci` when node_modules is missing or does not belong to the lock file (or to this Node). */
export async function installIfNeeded(root, progress) {
  const lock = readFileSync(join(root, 'package-lock.json'), 'utf8');
  const wanted = `${createHash('sha256').update(lock).digest('hex')} ${platformKey()}\n`;
  if (readIfThere(join(root, STAMP)) === wanted) return;
  await waitForOtherInstallation(root, progress);
  const stamp = readIfThere(join(root, STAMP));
  if (stamp === wanted) return;
  // somebody may have run npm by hand; native modules are built for one Node ABI and platform
  const isForThisNode = stamp === undefined || stamp.trim().endsWith(` ${platformKey()}`);
  if (!(isForThisNode && isInstalled(root, lock))) await progress.step('Installing packages (npm ci)', () => install(root));
  writeFileSync(join(root, STAMP), wanted);
}

const platformKey = () => `${process.platform}-${process.arch}-${process.versions.modules}`;

/** npm alone tries for two minutes before it says, in ten lines, that there is no network. */
const PING_LIMIT_MS = 15_000;
const NO_NETWORK = /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|EHOSTUNREACH|ETIMEDOUT|ERR_SOCKET_TIMEOUT|FETCH_ERROR)\b/;

async function install(root) {
  const lock = lockInstallation(root);
  try {
    await npmCi(root, lock.npm);
  } finally {
    lock.release();
  }
}

async function npmCi(root, onSpawn) {
  const unreachable = await registryProblem(root);
  const { code, output, failure } = await npm(root, ['ci', '--no-audit', '--no-fund', ...(unreachable ? ['--offline'] : [])], { onSpawn });
  if (failure) throw new UserError('npm could not be run; install it (it comes with Node) and try again');
  if (code === 0) return;
  if (unreachable) throw new UserError(noNetworkText(unreachable));
  throw new UserError(`npm ci failed:\n${npmErrors(output)}${disturbedText(root, output)}`);
}

const DISTURBED = /\b(ENOTEMPTY|EEXIST|EBUSY)\b/;

/** What to do when npm found files that it did not put there. */
export function disturbedText(root, output) {
  if (!DISTURBED.test(output)) return '';
  return `\nSomething else wrote to node_modules meanwhile, or an installation was broken off. End other npm processes in this directory, then:\n  rm -rf ${join(root, 'node_modules')}\nand run this again.`;
}

export const noNetworkText = (problem) =>
  `The packages cannot be installed: npm does not reach its registry (${problem}). Connect to a network, or tell npm its proxy (npm config set proxy ...), and run this again.`;

/** Why the registry cannot be reached, or undefined when it answers (whatever it says: not every registry knows ping). */
export async function registryProblem(root, more = []) {
  const { code, signal, output } = await npm(root, ['ping', '--fetch-retries=0', `--fetch-timeout=${PING_LIMIT_MS}`, ...more], { timeoutMs: PING_LIMIT_MS + 3000 });
  if (code === 0) return undefined;
  return signal ? `no answer within ${PING_LIMIT_MS / 1000} s` : NO_NETWORK.exec(output)?.[1];
}

function npm(root, args, options) {
  const command = npmCommand();
  return run(command.file, [...command.args, ...args], { cwd: root, ...options });
}

/** npm says first what is wrong, and then prints its whole usage. */
function npmErrors(output) {
  const errors = output.split('\n').filter((line) => line.startsWith('npm error') && line.trim() !== 'npm error');
  return errors.length > 0 ? errors.slice(0, 12).join('\n') : lastLines(output, 12);
}

/** The npm that started us when there is one, so that no second version is mixed in. */
function npmCommand() {
  const running = process.env.npm_execpath;
  if (running?.endsWith('npm-cli.js') && existsSync(running)) return { file: process.execPath, args: [running] };
  return { file: onPath('npm') ?? 'npm', args: [] };
}

function isInstalled(root, lock) {
  const installed = readIfThere(join(root, 'node_modules/.package-lock.json'));
  return installed !== undefined && matchesLock(JSON.parse(lock), JSON.parse(installed));
}

/** True when every package of the lock file is there in its version; optional ones may be missing (other platforms). */
export function matchesLock(lock, installed) {
  return Object.entries(lock.packages).every(([path, wanted]) => {
    if (path === '') return true;
    const found = installed.packages[path];
    return found ? found.version === wanted.version : wanted.optional === true || wanted.devOptional === true;
  });
}
