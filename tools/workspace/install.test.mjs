import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { installLockFile, lockInstallation, otherInstallation, waitForOtherInstallation } from './install-lock.mjs';
import { disturbedText } from './install.mjs';
import { createProgress } from './progress.mjs';
import { commandLine, isAlive, waitUntil } from './run.mjs';

const directory = mkdtempSync(join(tmpdir(), 'agentfleet-install-test-'));
const started = [];
after(() => {
  for (const child of started) child.kill('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
});

const RUN = fileURLToPath(new URL('./run.mjs', import.meta.url));

/** Ended, or only waiting for somebody to collect its exit code. */
const isGone = (pid) => !isAlive(pid) || commandLine(pid) === '';

/** A process that runs a shell which waits for a grandchild; `more` is what it does besides. */
async function runner(more = '') {
  const script = `
    import { endActive, run } from ${JSON.stringify(RUN)};
    ${more}
    await run('sh', ['-c', 'sleep 600 & echo $!; wait'], { onOutput: (text) => process.stdout.write(text) });
    await run('sh', ['-c', 'echo the next step >&2'], { onOutput: (text) => process.stdout.write(text) });
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  started.push(child);
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  const ended = new Promise((done) => child.once('close', (code, signal) => done({ code, signal, output })));
  assert.ok(await waitUntil(() => /^\d+\n/.test(output), 20_000));
  return { child, ended, grandchild: Number(output) };
}

for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) {
  test(`${signal} ends what a command runs with everything below it, then the command; the next step does not begin`, async () => {
    const { child, ended, grandchild } = await runner();
    assert.equal(isGone(grandchild), false);
    child.kill(signal);
    const end = await ended;
    assert.deepEqual([end.code, end.signal, end.output.includes('the next step')], [null, signal, false]);
    assert.ok(await waitUntil(() => isGone(grandchild), 5000));
  });
}

test('a command with a way out of its own decides itself, and ends what it runs first', async () => {
  const { child, ended, grandchild } = await runner("process.on('SIGTERM', () => endActive().then(() => process.exit(7)));");
  child.kill('SIGTERM');
  assert.equal((await ended).code, 7);
  assert.ok(await waitUntil(() => isGone(grandchild), 5000));
});

test('a command that ends in the middle of a step leaves nothing behind', async () => {
  const { child, ended, grandchild } = await runner("process.on('SIGTERM', () => process.exit(8));");
  child.kill('SIGTERM');
  assert.equal((await ended).code, 8);
  assert.ok(await waitUntil(() => isGone(grandchild), 5000));
});

const quiet = createProgress(() => undefined);

test('an installation waits for another one in the same directory, also when only its npm is left', async () => {
  const root = mkdtempSync(join(directory, 'root-'));
  assert.equal(otherInstallation(root), undefined);
  // stands for npm, whose process id is noted; the one that started it is gone
  const npm = spawn(process.execPath, ['-e', 'setInterval(() => 0, 1000)', 'npm'], { stdio: 'ignore' });
  started.push(npm);
  mkdirSync(join(root, '.cache'));
  writeFileSync(installLockFile(root), `999999999\n${npm.pid}\n`);
  assert.ok(await waitUntil(() => otherInstallation(root) === npm.pid, 5000));
  await assert.rejects(waitForOtherInstallation(root, quiet, 100), new RegExp(`another installation \\(pid ${npm.pid}\\) still works in .*kill ${npm.pid}`));
  const lines = [];
  const waiting = waitForOtherInstallation(root, createProgress((line) => lines.push(line)), 20_000);
  npm.kill('SIGKILL');
  await waiting;
  assert.match(lines[0], new RegExp(`^Waiting for another installation in this directory \\(pid ${npm.pid}\\)`));
  const lock = lockInstallation(root);
  lock.npm(123);
  assert.equal(readFileSync(installLockFile(root), 'utf8'), `${process.pid}\n123\n`);
  lock.release();
  assert.equal(existsSync(installLockFile(root)), false);
});

test('ENOTEMPTY says what to do next', () => {
  assert.equal(disturbedText('/r', 'npm error code E404'), '');
  assert.match(disturbedText('/r', 'npm error code ENOTEMPTY\nnpm error syscall rmdir'), /End other npm processes.*\n {2}rm -rf \/r\/node_modules\n/);
});
