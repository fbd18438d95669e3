import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { aiwmStack, ADMIN, type Stack } from './testing-client.fixture';

const run = promisify(execFile);
const guide = readFileSync(join(__dirname, '../../../docs/guides/aiwm.md'), 'utf8');
const blocks = [...guide.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block);
const SHELLS: Readonly<Record<string, readonly string[]>> = { bash: ['--norc', '-euo', 'pipefail', '-c'], zsh: ['-f', '-euo', 'pipefail', '-c'] };

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

const walk = (shell: string, commands: string) => run(shell, [...(SHELLS[shell] ?? []), commands], { cwd: directory, env: { ...process.env, DATA_DIR: directory }, timeout: 60_000 });

async function isThere(shell: string): Promise<boolean> {
  return run(shell, ['-c', 'true']).then(() => true, () => false);
}

test('no command has a remark, which an interactive zsh takes for a command', () => {
  expect(blocks.join('').split('\n').filter((line) => /(^|\s)#/.test(line))).toEqual([]);
});

test.each(['bash', 'zsh'])('the commands work in %s, and twice in a row', async (shell) => {
  if (!(await isThere(shell))) return void process.stderr.write(`${shell} is not installed: the guide was not tried in it\n`);
  for (let round = 0; round < 2; round++) {
    const { stdout } = await walk(shell, blocks.join('\n').replace('WALK=$(date +%s)', `WALK=${shell}-$(date +%s%N)`));
    for (const text of ['[redacted]', 'AIWM_ENABLED=true', 'You are a helpful assistant.', 'busy', 'suspended', '401', 'active', 'agent.update']) expect(stdout).toContain(text);
  }
}, 90_000);

test("a refusal shows the server's words and no stack trace", async () => {
  const [logIn = ''] = blocks;
  const failure: { stderr: string } = await walk('bash', `${logIn}\napi POST /organizations '{"name":"no spaces"}' | field _id`).catch((error) => error);
  expect(failure.stderr).toBe('400 VALIDATION_FAILED: name must have only letters, digits and hyphens\n');
});
