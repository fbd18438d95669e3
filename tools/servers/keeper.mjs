/**
 * Keeps the databases: starts them as its children in a session of its own, so that Ctrl-C and a closed terminal do
 * not reach them before the apps have ended, and stops them (last started first) when its standard input closes. The
 * system closes that also when the supervisor is killed, so that no database is ever left behind.
 *
 * Commands on stdin, one JSON object a line: {"start":{"id","file","args","log","stopMs"}}, {"remove":"<directory>"} (at the
 * end), {"outlive":[pids]} (when the supervisor is killed, these users of the databases may end first), {"stop":true}. Events on stdout: {"started":id,"pid"}, {"exited":id,"code","signal"}, {"failed":id,"problem"}, {"broken":"<why it ends>"}.
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync, rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { isAlive, waitUntil } from '../workspace/run.mjs';

const OUTLIVE_LIMIT_MS = 11_000;
const running = new Map();
const directories = [];
let users = [];
let stopping = false;

for (const signal of ['SIGINT', 'SIGHUP']) process.on(signal, () => undefined);
process.on('SIGTERM', () => void stopAll());
process.stdout.on('error', () => undefined); // the supervisor is gone; stdin closes as well

// whatever happens here, no database may be left behind
process.on('uncaughtException', (error) => {
  tell({ broken: error.message });
  void stopAll();
});

const tell = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);

function start({ id, file, args, log, stopMs }) {
  let output;
  try {
    output = openSync(log, 'a', 0o600);
  } catch (error) {
    // somebody removed the directory under us
    tell({ failed: id, problem: `its log cannot be written (${error.message})` });
    return;
  }
  const child = spawn(file, args, { stdio: ['ignore', output, output] });
  closeSync(output);
  const ended = new Promise((done) => {
    child.once('error', (error) => {
      running.delete(id);
      tell({ failed: id, problem: error.message });
      done();
    });
    child.once('exit', (code, signal) => {
      running.delete(id);
      tell({ exited: id, code, signal });
      done();
    });
  });
  running.set(id, { child, ended, stopMs });
  if (child.pid) tell({ started: id, pid: child.pid });
}

async function stopOne({ child, ended, stopMs }) {
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), stopMs);
  await ended;
  clearTimeout(timer);
}

async function stopAll() {
  if (stopping) return;
  stopping = true;
  for (const entry of [...running.values()].reverse()) await stopOne(entry);
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
  process.exit(0);
}

function obey(line) {
  const command = JSON.parse(line);
  if (command.stop) return void stopAll();
  if (command.outlive) users = command.outlive;
  if (command.remove) directories.push(command.remove);
  if (command.start && !stopping) start(command.start);
}

const lines = createInterface({ input: process.stdin });
lines.on('line', obey);
lines.on('close', async () => {
  if (!stopping) await waitUntil(() => !users.some(isAlive), OUTLIVE_LIMIT_MS);
  await stopAll();
});
