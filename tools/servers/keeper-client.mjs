import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { isAlive } from '../workspace/run.mjs';

const KEEPER = fileURLToPath(new URL('./keeper.mjs', import.meta.url));

/**
 * Starts the process that keeps the databases (keeper.mjs) and talks to it.
 */
export function createKeeper() {
  const child = spawn(process.execPath, [KEEPER], { detached: true, stdio: ['pipe', 'pipe', 'inherit'] });
  const pids = new Map();
  const waiting = new Map();
  const listeners = new Set();
  let stopping = false;
  let brokenBy;
  const gone = new Promise((done) => child.once('exit', () => done(brokenBy)));
  child.stdin.on('error', () => undefined);
  child.once('exit', () => {
    if (!stopping) endOrphans(pids);
  });
  const send = (command) => child.stdin.write(`${JSON.stringify(command)}\n`);
  createInterface({ input: child.stdout }).on('line', (line) => {
    const event = JSON.parse(line);
    if (event.started) {
      pids.set(event.started, event.pid);
      waiting.get(event.started)?.resolve(event.pid);
    } else if (event.broken) {
      brokenBy = event.broken;
    } else if (event.failed) {
      waiting.get(event.failed)?.reject(new Error(event.problem));
    } else if (event.exited) {
      pids.delete(event.exited);
      if (!stopping) for (const listener of listeners) listener(event);
    }
  });
  return {
    pids,
    /** Starts a server; resolves with its process id as soon as it was spawned. */
    start(server) {
      const started = new Promise((resolve, reject) => waiting.set(server.id, { resolve, reject }));
      send({ start: server });
      return started;
    },
    /** Calls back when that server ends without having been asked to; returns how to stop listening. */
    onExitOf(id, callback) {
      const listener = (event) => event.exited === id && callback({ code: event.code, signal: event.signal });
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    /** Resolves when the keeper has ended, however; with the reason when it knew one. */
    gone,
    /** Should we be killed, the databases wait for these processes to end, at most 11 s. */
    outlive: (processIds) => send({ outlive: processIds }),
    removeAtEnd: (directory) => send({ remove: directory }),
    /** Stops all servers, last started first; resolves when everything has ended. */
    async stop() {
      stopping = true;
      send({ stop: true });
      await gone;
    },
  };
}

/** Without their keeper nobody would end them: better no database than one that is left behind. */
function endOrphans(pids) {
  for (const pid of pids.values()) if (isAlive(pid)) process.kill(pid, 'SIGTERM');
}
