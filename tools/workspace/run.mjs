import { spawn } from 'node:child_process';
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** What `run` is running now: `{child, isGroup, sparesChildren, ended}`. */
const active = new Set();
let ending;
const BREAK_OFF_MS = 3000;

/**
 * Ends what `run` is running now, with everything that it started, and lets nothing new begin: for a command that is
 * asked to stop in the middle of a step. Resolves when all of it is gone.
 */
export function endActive() {
  ending ??= Promise.all([...active].map(breakOff)).then(() => undefined);
  return ending;
}

/** True from `endActive` on: what fails then fails because it was broken off. */
export const isEnding = () => ending !== undefined;

async function breakOff(one) {
  send(one, 'SIGTERM');
  const timer = setTimeout(() => !one.sparesChildren && send(one, 'SIGKILL'), BREAK_OFF_MS);
  const limit = new Promise((done) => setTimeout(done, BREAK_OFF_MS + 1000).unref());
  await Promise.race([one.ended, limit]);
  clearTimeout(timer);
}

function send({ child, isGroup, sparesChildren }, signal) {
  if (!child.pid) return;
  try {
    if (isGroup && !sparesChildren) process.kill(-child.pid, signal);
    else child.kill(signal);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error; // it has ended by itself
  }
}

/** However this process ends (but by SIGKILL), what it runs ends with it; an installation that goes on alone would break the next one. */
const guardOnce = onlyOnce(() => {
  process.on('exit', () => {
    for (const one of active) send(one, one.sparesChildren ? 'SIGTERM' : 'SIGKILL');
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    const end = async () => {
      if (process.listenerCount(signal) > 1) return; // the command has a way out of its own
      await endActive();
      process.removeListener(signal, end);
      process.kill(process.pid, signal);
    };
    process.on(signal, end);
  }
});

function onlyOnce(work) {
  let done = false;
  return () => {
    if (!done) work();
    done = true;
  };
}

/**
 * Runs a program to its end and keeps what it printed (the last 200,000 characters). It leads a process group of its
 * own, which ends with this process; with `inherit` it shares the terminal's.
 * @param options.sparesChildren only the program itself is asked to end: dpkg must not be broken off in the middle
 * @param options.onSpawn called with the process id
 * @returns {Promise<{code: number|null, signal: string|null, output: string, failure?: Error}>} never rejects;
 *   `failure` when it could not be started, `signal` SIGKILL when `timeoutMs` was over
 */
export function run(file, args, { cwd, env, timeoutMs, onOutput, onSpawn, inherit = false, sparesChildren = false } = {}) {
  if (ending) return new Promise(() => undefined); // nothing follows: the process is about to end
  guardOnce();
  return new Promise((done) => {
    let output = '';
    const stream = inherit ? 'inherit' : 'pipe';
    const child = spawn(file, args, { cwd, env, stdio: ['ignore', stream, stream], detached: !inherit });
    const one = { child, isGroup: !inherit, sparesChildren, ended: new Promise((ended) => child.once('error', ended).once('close', ended)) };
    active.add(one);
    if (child.pid) onSpawn?.(child.pid);
    const timer = timeoutMs ? setTimeout(() => send(one, 'SIGKILL'), timeoutMs) : undefined;
    const keep = (chunk) => {
      output = (output + chunk).slice(-200_000);
      onOutput?.(String(chunk));
    };
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
    const end = (result) => {
      clearTimeout(timer);
      active.delete(one);
      done({ code: null, signal: null, output, ...result });
    };
    child.once('error', (failure) => end({ failure }));
    child.once('close', (code, signal) => end({ code, signal }));
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
