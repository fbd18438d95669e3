import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { lastLines } from '../workspace/run.mjs';

const SECOND_RESTART_MS = 1000;
const LONGEST_RESTART_MS = 10_000;
/** After that long an app counts as healthy again: after its next death it is started again at once. */
const HEALTHY_AFTER_MS = 30_000;
const ROTATE_ABOVE_BYTES = 20 * 1024 * 1024;

/** How long to wait after the n-th death in a row (n from 1): not at all, then 1 s, doubling to 10 s. */
export function restartDelayMs(deaths) {
  return deaths === 1 ? 0 : Math.min(LONGEST_RESTART_MS, SECOND_RESTART_MS * 2 ** (deaths - 2));
}

/** `at once`, `in 4 s`. */
export function restartText(delayMs) {
  return delayMs === 0 ? 'at once' : `in ${delayMs / 1000} s`;
}

/**
 * One supervised process: started again whenever it ends, until `stop`.
 * @param options `{id, file, args, cwd, env, log}`; `env` is asked before each start
 * @param events `spawned(pid, isRestart)`, `died(text)` (before the first `ready`), `restarting(text)`
 */
export function superviseApp(options, events) {
  const state = { child: undefined, ended: Promise.resolve(), stopping: false, everReady: false, starts: 0, deaths: 0, timer: undefined };

  function start() {
    const startedMs = Date.now();
    const child = spawnApp(options);
    state.child = child;
    state.ended = new Promise((done) => {
      const ended = once((how) => {
        state.child = undefined;
        done();
        if (!state.stopping) onDeath(how, Date.now() - startedMs);
      });
      child.once('exit', (code, signal) => ended(signal ? `was ended by ${signal}` : `ended with exit code ${code}`));
      child.once('error', (error) => ended(`could not be started: ${error.message}`));
    });
    if (child.pid) events.spawned(child.pid, state.starts++ > 0);
  }

  function onDeath(how, livedMs) {
    if (!state.everReady) return events.died(how);
    state.deaths = livedMs > HEALTHY_AFTER_MS ? 1 : state.deaths + 1;
    const delayMs = restartDelayMs(state.deaths);
    events.restarting(`${options.id} ${how}; starting it again ${restartText(delayMs)} (log: ${options.log})`);
    state.timer = setTimeout(start, delayMs);
  }

  return {
    start,
    isRunning: () => state.child !== undefined,
    /** From now on a death is repaired instead of reported. */
    ready: () => (state.everReady = true),
    /** SIGTERM, after `limitMs` SIGKILL. */
    async stop(limitMs) {
      state.stopping = true;
      clearTimeout(state.timer);
      state.child?.kill('SIGTERM');
      const timer = setTimeout(() => state.child?.kill('SIGKILL'), limitMs);
      await state.ended;
      clearTimeout(timer);
    },
    kill() {
      state.stopping = true;
      clearTimeout(state.timer);
      state.child?.kill('SIGKILL');
    },
  };
}

function once(work) {
  let done = false;
  return (...args) => {
    if (done) return;
    done = true;
    work(...args);
  };
}

/** The channel is there only to break: an app ends when its supervisor is gone. */
function spawnApp({ file, args, cwd, env, log }) {
  mkdirSync(dirname(log), { recursive: true, mode: 0o700 });
  rotate(log);
  const output = openSync(log, 'a', 0o600);
  try {
    return spawn(file, args, { cwd, env: env(), stdio: ['ignore', output, output, 'ipc'] });
  } finally {
    closeSync(output);
  }
}

function rotate(log) {
  try {
    if (statSync(log).size > ROTATE_ABOVE_BYTES) renameSync(log, `${log}.1`);
  } catch {
    // No log yet.
  }
}

/** Remembers where a log ends now, to quote later only what came after. */
export function markLog(log) {
  let start = 0;
  try {
    start = statSync(log).size;
  } catch {
    // No log yet.
  }
  return {
    lastLines(count) {
      try {
        return lastLines(readFileSync(log).subarray(start).toString('utf8'), count)
          .split('\n')
          .map((line) => `  ${line.slice(0, 500)}`)
          .join('\n');
      } catch {
        return '';
      }
    },
  };
}
