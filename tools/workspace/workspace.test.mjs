import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { generateSecrets } from '../stack/secrets.mjs';
import { inputsHash } from './build.mjs';
import { jestCounts, tapCounts } from './check-steps.mjs';
import { renderEnvFile } from './env-file.mjs';
import { ensurePrivateFile } from './files.mjs';
import { matchesLock, noNetworkText, registryProblem } from './install.mjs';
import { nodeProblem } from './node-version.mjs';
import { differenceText } from './openapi.mjs';
import { run } from './run.mjs';

const directory = mkdtempSync(join(tmpdir(), 'agentfleet-workspace-test-'));
after(() => rmSync(directory, { recursive: true, force: true }));

test('wants Node 20.19', () => {
  for (const good of ['v20.19.0', 'v20.20.2', 'v22.1.0', 'v24.0.0']) assert.equal(nodeProblem(good), undefined);
  for (const old of ['v20.18.3', 'v18.20.0', 'v8.0.0']) assert.match(nodeProblem(old), /needs Node 20\.19/);
});

test('knows whether node_modules belongs to the lock file', () => {
  const lock = { packages: { '': {}, a: { version: '1.0.0' }, b: { version: '2.0.0', optional: true } } };
  assert.equal(matchesLock(lock, { packages: { a: { version: '1.0.0' } } }), true);
  assert.equal(matchesLock(lock, { packages: { a: { version: '1.0.1' } } }), false);
  assert.equal(matchesLock(lock, { packages: { b: { version: '2.0.0' } } }), false);
});

test('says in one sentence that there is no network', async () => {
  const problem = await registryProblem(directory, ['--registry=http://127.0.0.1:9/']);
  assert.equal(problem, 'ECONNREFUSED');
  assert.match(noNetworkText(problem), /^The packages cannot be installed: npm does not reach its registry \(ECONNREFUSED\)\. Connect to a network/);
});

test('builds again when a source changes, not when a spec does', () => {
  mkdirSync(join(directory, 'libs/x/src'), { recursive: true });
  const write = (name, text) => writeFileSync(join(directory, 'libs/x/src', name), text);
  write('a.ts', 'one');
  const before = inputsHash(directory);
  write('a.spec.ts', 'spec');
  write('a.int-spec.ts', 'spec');
  assert.equal(inputsHash(directory), before);
  write('a.ts', 'two');
  assert.notEqual(inputsHash(directory), before);
});

test('counts what Jest and node --test report', () => {
  const report = JSON.stringify({ numPassedTests: 7, numFailedTests: 1, numRuntimeErrorTestSuites: 2 });
  assert.deepEqual(jestCounts(report, 1, null), { passed: 7, failed: 3 });
  assert.equal(jestCounts(undefined, 1, null).failed, 1);
  assert.equal(jestCounts(undefined, null, 'SIGKILL').failed, 1);
  const green = JSON.stringify({ numPassedTests: 7, numFailedTests: 0, numRuntimeErrorTestSuites: 0 });
  assert.equal(jestCounts(green, 0, null).failed, 0);
  assert.equal(jestCounts(green, 1, null).failed, 1);
  assert.deepEqual(tapCounts('ok 1\n# tests 3\n# pass 2\n# fail 1\n# cancelled 1\n', 1).failed, 2);
  assert.deepEqual(tapCounts('# pass 2\n# fail 0\n', 0), { passed: 2, failed: 0, text: undefined });
  assert.equal(tapCounts('', 1).failed, 1);
});

test('says where an OpenAPI document differs', () => {
  assert.equal(differenceText('aiwm', '{}\n', '{}\n'), undefined);
  assert.match(differenceText('aiwm', undefined, '{}'), /missing/);
  assert.match(differenceText('aiwm', 'a\nb', 'a\nc'), /line 2 committed: b\n {2}line 2 now: {7}c/);
  assert.match(differenceText('aiwm', 'a\nb\nc', 'a\nb'), /line 3 committed: c\n.*\(end\)/);
});

test('.env can be read by a shell, with the key as one line', async () => {
  const secrets = { ...generateSecrets(), AIWM_ADMIN_EMAIL: 'admin@localhost' };
  const file = join(directory, 'env');
  writeFileSync(file, renderEnvFile(secrets));
  const names = ['SECRETS_KEY', 'AIWM_ADMIN_EMAIL', 'AIWM_ADMIN_PASSWORD', 'GATEWAY_API_KEY', 'BRIDGE_API_KEY'];
  const { output } = await run('sh', ['-c', `. ${file}; printf '%s\\n' ${names.map((name) => `"$${name}"`).join(' ')}; printf '%s' "$JWT_PRIVATE_KEY"`]);
  const lines = output.split('\n');
  assert.deepEqual(lines.slice(0, 5), names.map((name) => secrets[name]));
  assert.equal(lines.length, 6);
  assert.equal(lines[5].replaceAll('\\n', '\n'), secrets.JWT_PRIVATE_KEY.trim());
});

test('a log of another program is private and keeps its lines, also one that was not', () => {
  const [fresh, old] = [join(directory, 'fresh.log'), join(directory, 'old.log')];
  writeFileSync(old, 'line\n', { mode: 0o644 });
  for (const file of [fresh, old]) ensurePrivateFile(file);
  assert.deepEqual([statSync(fresh).mode & 0o777, statSync(old).mode & 0o777, readFileSync(old, 'utf8')], [0o600, 0o600, 'line\n']);
});
