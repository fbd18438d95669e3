import { spawn } from 'node:child_process';
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const active = new Set();

/** Ends what `run` is running now; for a command that is asked to stop in the middle of a step. */
export function endActive() {
  for (const child of active) child.kill('SIGTERM');
}

/**
 * Runs a program to its end and keeps what it printed (the last 200,000 characters).
 * @returns {Promise<{code: number|null, signal: string|null, output: string, failure?: Error}>} never rejects;
 *   `failure` when it could not be started, `signal` SIGKILL when `timeoutMs` was over
 */
export function run(file, args, { cwd, env, timeoutMs, onOutput, inherit = false } = {}) {
  return new Promise((done) => {
    let output = '';
    const child = spawn(file, args, { cwd, env, stdio: ['ignore', inherit ? 'inherit' : 'pipe', inherit ? 'inherit' : 'pipe'] });
    active.add(child);
    const timer = timeoutMs ? setTimeout(() => child.kill('SIGKILL'), timeoutMs) : undefined;
    const keep = (chunk) => {
      output = (output + chunk).slice(-200_000);
      onOutput?.(String(chunk));
    };
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
    child.once('error', (failure) => {
      clearTimeout(timer);
      active.delete(child);
      done({ code: null, signal: null, output, failure });
    });
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      active.delete(child);
      done({ code, signal, output });
    });
  });
}

/** The first executable file of that name in the PATH, or undefined. */
export function onPath(name, variables = process.env) {
  for (const directory of (variables.PATH ?? '').split(delimiter).filter(Boolean)) {
    const file = join(directory, name);
    try {
      accessSync(file, constants.X_OK);
      if (statSync(file).isFile()) return file;
    } catch {
      // Not in this directory.
    }
  }
  return undefined;
}

/** The script behind a command of an installed package, wherever that version keeps it. */
export function packageBin(root, name, command = name) {
  const directory = join(root, 'node_modules', name);
  const { bin } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
  return join(directory, typeof bin === 'string' ? bin : bin[command]);
}

/** True while a process with this id exists (also when it belongs to somebody else). */
export function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** The command line of a process, where the system tells it (Linux). */
export function commandLine(pid) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return undefined;
  }
}

/** Asks `condition` every 50 ms until it is true; false when `timeoutMs` is over. */
export async function waitUntil(condition, timeoutMs) {
  const deadlineMs = Date.now() + timeoutMs;
  for (;;) {
    if (await condition()) return true;
    if (Date.now() >= deadlineMs) return false;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The last lines of a text, for messages. */
export const lastLines = (text, count) => text.trimEnd().split('\n').slice(-count).join('\n');
