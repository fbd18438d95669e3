import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { aiwmStack, ADMIN, type Stack } from './aiwm-stack.fixture';

const run = promisify(execFile);
const guide = readFileSync(join(__dirname, '../../../../docs/guides/aiwm.md'), 'utf8');
const [, logIn = ''] = /^```sh\n([\s\S]*?)^```$/m.exec(guide) ?? [];

let stack: Stack;
let directory: string;
beforeAll(async () => {
  stack = await aiwmStack();
  const { client } = await stack.boot();
  directory = mkdtempSync(join(tmpdir(), 'aiwm-guide-'));
  writeFileSync(join(directory, 'stack.json'), JSON.stringify({ urls: { aiwm: client.url }, admin: { email: ADMIN.username, password: ADMIN.password } }));
});
afterAll(async () => {
  rmSync(directory, { recursive: true, force: true });
  await stack.close();
});

/** That all commands work, in both shells and twice in a row, is an end-to-end test. */
test("a refusal shows the server's words and no stack trace", async () => {
  const commands = `${logIn}\napi POST /organizations '{"name":"no spaces"}' | field _id`;
  const options = { cwd: directory, env: { ...process.env, DATA_DIR: directory }, timeout: 60_000 };
  const failure: { stderr: string } = await run('bash', ['--norc', '-euo', 'pipefail', '-c', commands], options).catch((error) => error);
  expect(failure.stderr).toBe('400 VALIDATION_FAILED: name must have only letters, digits and hyphens\n');
});
