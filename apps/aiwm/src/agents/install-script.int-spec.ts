import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { renderEnvConfig, renderInstallScript } from './environment-file';
import type { Settings } from './settings';

const run = promisify(execFile);
const AGENT_ID = '66b1f00dcafe4a7c9f1d3e42';
const HOSTILE = `${'$'}{HOME} $(touch "$HOME/owned") \`touch $HOME/owned\` '; touch "$HOME/owned"; ' "quoted" \\ back $HOME %s !! é😀`;

let home: string;
let health: Server;
let asked: string[];
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'agent-home-'));
  asked = [];
  health = createServer((request, response) => {
    asked.push(String(request.url));
    response.end('{"status":"ok"}');
  }).listen(0, '127.0.0.1');
  await once(health, 'listening');
});
afterEach(async () => {
  health.close();
  await rm(home, { recursive: true });
});

function subject(settings: Settings = {}) {
  const address = health.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const secret = 'ab'.repeat(32);
  return { agentId: AGENT_ID, name: HOSTILE, secret, baseUrl: `http://127.0.0.1:${address.port}/dev/aiwm`, settings };
}

const SETTINGS = { resume: false, maxTurns: 0, claude_oauthToken: HOSTILE, discord: { token: "it's", channelIds: ['1', '2'] } };

async function script(): Promise<string> {
  const file = join(home, 'install.sh');
  await writeFile(file, renderInstallScript(subject(SETTINGS)));
  return file;
}

test('bash finds nothing wrong with the script, nor does shellcheck where it is installed', async () => {
  const file = await script();
  await run('bash', ['-n', file]);
  const hasShellcheck = await run('shellcheck', ['--version']).then(() => true, () => false);
  if (hasShellcheck) await run('shellcheck', ['--shell=bash', file]).catch((error: { stdout: string }) => Promise.reject(new Error(error.stdout)));
  else process.stdout.write('shellcheck is not installed: the script was checked by bash -n only\n');
  const text = await readFile(file, 'utf8');
  expect(text).toContain('set -euo pipefail');
  expect(text).toContain(AGENT_ID);
  expect(text).not.toMatch(/\\\$[({]/);
});

test('run twice it writes the same file, for its owner only, and nothing in it is a command', async () => {
  const file = await script();
  const env = { PATH: process.env['PATH'] ?? '', HOME: home };
  const first = await run('bash', [file], { env });
  const target = join(home, '.config', 'agentfleet', `${AGENT_ID}.env`);
  const written = await readFile(target, 'utf8');
  await run('bash', [file], { env });
  expect(await readFile(target, 'utf8')).toBe(written);
  expect(written.trim()).toBe(renderEnvConfig(subject(SETTINGS)).trim());
  expect(((await stat(target)).mode & 0o777).toString(8)).toBe('600');
  expect(asked).toEqual(['/dev/aiwm/health', '/dev/aiwm/health']);
  expect(first.stdout).toContain(target);
  const names = ['AGENT_NAME', 'AIWM_AGENT_SECRET', 'AIWM_BASE_URL', 'CLAUDE_RESUME', 'CLAUDE_MAX_TURNS', 'CLAUDE_CODE_OAUTH_TOKEN', 'DISCORD_TOKEN', 'DISCORD_CHANNEL_ID'];
  const show = names.map((name) => `printf '%s\\0' "$${name}"`).join('; ');
  const { stdout } = await run('bash', ['-c', `set -euo pipefail; . "${target}"; ${show}`], { env });
  const { name, secret, baseUrl } = subject();
  expect(stdout.split('\0').slice(0, -1)).toEqual([name, secret, baseUrl, 'false', '0', HOSTILE, "it's", '1,2']);
  await expect(stat(join(home, 'owned'))).rejects.toThrow('ENOENT');
});

test('the file may be named; an AIWM that does not answer is told and stops nothing', async () => {
  const file = await script();
  const named = join(home, 'some where', 'agent.env');
  health.close();
  await once(health, 'close');
  const { stderr } = await run('bash', [file], { env: { PATH: process.env['PATH'] ?? '', HOME: home, AIWM_ENV_FILE: named } });
  expect(stderr).toContain('does not answer');
  expect(((await stat(named)).mode & 0o777).toString(8)).toBe('600');
});
