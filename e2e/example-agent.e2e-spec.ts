import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BridgeClient } from '@agentfleet/sdk';
import { FakeAgent, freePort, json, StackProcess, waitFor, type StackFile } from '@agentfleet/testing';
import { AiwmAdmin } from './aiwm.fixture';

/** The example agent by the steps of its README, and the connection test, against a real stack. */
const ROOT = join(__dirname, '..');
const directory = mkdtempSync(join(tmpdir(), 'agentfleet-example-'));
let stack: StackProcess;
let file: StackFile;
let admin: AiwmAdmin;
let bridge: BridgeClient;
let model: FakeAgent;
const processes: ChildProcess[] = [];

beforeAll(async () => {
  stack = await StackProcess.create({ variables: { VPS_BACKOFF_BASE_MS: '50' } });
  file = await stack.start();
  admin = await AiwmAdmin.logIn(file);
  bridge = new BridgeClient({ baseUrl: file.urls.vps_bridge, apiKey: file.api_keys.bridge });
  model = await FakeAgent.start();
});
afterAll(async () => {
  for (const child of processes) child.kill('SIGKILL');
  await model.stop();
  await stack.dispose();
  rmSync(directory, { recursive: true, force: true });
});

interface Ran {
  readonly code: number | null;
  readonly output: string;
}

function start(command: string, variables: Record<string, string | undefined>): { child: ChildProcess; output: () => string; ended: Promise<Ran> } {
  const child = spawn('bash', ['-c', command], { cwd: ROOT, env: { PATH: process.env['PATH'], HOME: directory, DATA_DIR: stack.dataDirectory, ...variables } });
  processes.push(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const ended = new Promise<Ran>((resolve) => child.once('close', (code) => resolve({ code, output })));
  return { child, output: () => output, ended };
}

const run = (command: string, variables: Record<string, string | undefined> = {}) => start(command, variables).ended;

/** Commands of the README's first block, without remarks and without `npm start`. */
const steps = (): string[] => {
  const [, block = ''] = /```sh\n([^`]*)```/.exec(readFileSync(join(ROOT, 'examples/agent/README.md'), 'utf8')) ?? [];
  return block.split('\n').map((line) => line.replace(/ +#.*$/, '').replace(/ &$/, '')).filter((line) => line !== '' && line !== 'npm start');
};

async function startAgent(variables: Record<string, string> = {}) {
  const [setUp = '', launch = '', ask = ''] = steps();
  const envFile = join(directory, `agent-${processes.length}.env`);
  const port = String(await freePort());
  const made = await run(setUp, { AIWM_ENV_FILE: envFile, AGENT_PORT: port });
  expect(made).toMatchObject({ code: 0 });
  expect(statSync(envFile).mode & 0o777).toBe(0o600);
  // as README, but with this spec's file; `exec` so that a signal reaches the agent itself
  const agent = start(launch.replace('examples/agent/.env', envFile).replace(/^\((.*)node /, '$1exec node ').replace(/\)$/, ''), variables);
  await waitFor('the agent to be ready', () => agent.output().includes(`Agent ready on http://127.0.0.1:${port} (aiwm)`));
  const id = /Agent ([0-9a-f]{24}) is made/.exec(made.output)?.[1] ?? '';
  return { id, port, envFile, ask, ...agent };
}

test('by the steps of its README it is set up, answers through the bridge, and says good-bye', async () => {
  expect(steps()).toHaveLength(3);
  const agent = await startAgent();
  await waitFor('its heartbeat', async () => (await admin.agent(agent.id))['lastHeartbeatAt'] !== null);
  expect(await run(agent.ask)).toEqual({ code: 0, output: 'You said: Good day\n' });
  expect(await bridge.call({ agent_name: 'example-agent', prompt: 'again' })).toMatchObject({ success: true, response: 'You said: again' });
  const base = `http://127.0.0.1:${agent.port}`;
  expect((await fetch(`${base}/v1/messages`, { method: 'POST', body: '{"messages":[]}' })).status).toBe(401);
  const authorization = `Bearer ${/^AGENT_AUTH_TOKEN=(.*)$/m.exec(readFileSync(agent.envFile, 'utf8'))?.[1] ?? ''}`;
  expect((await fetch(`${base}/v1/messages`, { method: 'POST', headers: { authorization }, body: 'no json' })).status).toBe(400);
  expect((await fetch(`${base}/health`)).status).toBe(200);
  expect(await (await fetch(`${base}/metrics`)).text()).toContain('aiwm_connection_success_total 1');
  const secret = /^AIWM_AGENT_SECRET=(.*)$/m.exec(readFileSync(agent.envFile, 'utf8'))?.[1] ?? '';
  agent.child.kill('SIGTERM');
  const { code, output } = await agent.ended;
  expect(code).toBe(0);
  expect([secret.length, output.includes(secret.slice(0, 11))]).toEqual([64, false]);
  expect(await admin.agent(agent.id)).toMatchObject({ connectionStatus: 'offline', presence: { reason: 'disconnected', detail: 'SIGTERM' } });
});

const chunk = (content: string) => `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`;
const answers = (content: string) => json(200, { choices: [{ message: { content } }] });
const streams = (texts: readonly string[], end: string | null) => (_request: unknown, response: ServerResponse) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const text of texts) response.write(chunk(text));
  if (end === null) setImmediate(() => response.destroy());
  else response.end(end);
};

test('with an OpenAI-compatible model: whole, streamed, failing, slow and cut off', async () => {
  const agent = await startAgent({ MODEL_BASE_URL: `http://127.0.0.1:${model.port}/v1/`, MODEL_NAME: 'small', MODEL_API_KEY: 'model-key', MODEL_TIMEOUT_MS: '500' });
  const call = () => bridge.call({ agent_name: 'example-agent', prompt: 'Who are you?' });
  model.behave(answers('I am small'));
  expect(await call()).toMatchObject({ success: true, response: 'I am small' });
  expect(model.requests[0]).toMatchObject({
    path: '/v1/chat/completions',
    headers: { authorization: 'Bearer model-key' },
    body: { model: 'small', messages: [{ role: 'system', content: 'You are a friendly agent that answers in one sentence.' }, { role: 'user', content: 'Who are you?' }] },
  });
  model.behave(streams(['I ', 'am ', 'é😀'], 'data: [DONE]\n\n'));
  expect(await run(agent.ask)).toEqual({ code: 0, output: 'I am é😀\n' });
  expect(model.requests.at(-1)?.body['stream']).toBe(true);
  model.behave(answers('not streamed'));
  expect(await run(agent.ask)).toEqual({ code: 0, output: 'not streamed\n' });
  model.behave(json(500, { error: 'out of memory' }), answers('second try'));
  expect(await call()).toMatchObject({ success: true, response: 'second try', attempts: [{ tries: 2 }] });
  model.behave(json(200, { choices: [] }));
  expect(await call()).toMatchObject({ success: false, error_code: 'http_502' });
  model.behave(() => undefined);
  expect(await call()).toMatchObject({ success: false, error_code: 'http_504' });
  model.behave(streams(['half an '], null));
  expect(await run(agent.ask)).toMatchObject({ code: 1, output: expect.stringMatching(/^half an /) });
  expect(agent.output()).toContain('The model failed: its answer has no text');
  expect(agent.output()).not.toMatch(/model-key|out of memory/);
  agent.child.kill('SIGTERM');
  expect((await agent.ended).code).toBe(0);
});

test.each([
  [{ AIWM_ENABLED: 'true', AIWM_BASE_URL: 'nowhere' }, 'AIWM_BASE_URL must be'],
  [{ AIWM_ENABLED: 'false', AGENT_HOST: '192.0.2.1' }, 'AGENT_PORT or AGENT_HOST'],
])('bad variables are one clear message: %o', async (variables, message) => {
  const { code, output } = await run('exec node examples/agent/agent.mjs', variables);
  expect([code, output.includes(message), output.includes('    at ')]).toEqual([1, true, false]);
});

const CREDENTIALS = () => ({ AIWM_ADMIN_EMAIL: file.admin.email, AIWM_ADMIN_PASSWORD: file.admin.password });
const connectionTest = (base: string, variables: Record<string, string>, path = '$PATH') => run(`PATH="${path}" exec "$BASH" tools/test-agent-connection.sh '${base}'`, variables);
const counts = async () => Promise.all(['agents', 'instructions', 'tools', 'nodes'].map(async (name) => (await admin.do('GET', `/${name}`))['pagination']));

test('the connection test walks through, and leaves nothing behind', async () => {
  const before = await counts();
  const { code, output } = await connectionTest(file.urls.aiwm, CREDENTIALS());
  expect(output).toContain('All 13 steps worked.');
  expect([code, await counts()]).toEqual([0, before]);
  expect(output).not.toContain(file.admin.password);
});

test('the connection test says what is wrong, and where', async () => {
  const wrongPassword = await connectionTest(file.urls.aiwm, { ...CREDENTIALS(), AIWM_ADMIN_PASSWORD: 'wrong password' });
  expect(wrongPassword.output).toContain('FAILED: POST /auth/login answered 401 instead of 200');
  expect([wrongPassword.code, wrongPassword.output.includes('Stopped at step 2')]).toEqual([1, true]);
  const nobody = await connectionTest(`http://127.0.0.1:${await freePort()}`, CREDENTIALS());
  expect([nobody.code, /FAILED: GET \/health: .*(refused|connect)/i.test(nobody.output), nobody.output.includes('Stopped at step 1')]).toEqual([1, true, true]);
  const otherApp = await connectionTest(file.urls.vps_bridge, CREDENTIALS());
  expect([otherApp.code, otherApp.output.includes('FAILED: POST /auth/login answered 404')]).toEqual([1, true]);
  const noPassword = await connectionTest(file.urls.aiwm, {});
  expect([noPassword.code, noPassword.output]).toEqual([2, expect.stringContaining('AIWM_ADMIN_PASSWORD is missing')]);
  const noCurl = await connectionTest(file.urls.aiwm, CREDENTIALS(), directory);
  expect([noCurl.code, noCurl.output]).toEqual([2, expect.stringContaining('curl is missing')]);
});

/** Passes everything on to AIWM but connects, which fail. */
async function withBrokenConnect(use: (base: string) => Promise<void>): Promise<void> {
  const pass = async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    for await (const one of request) chunks.push(Buffer.from(one));
    if (request.url?.endsWith('/connect')) return response.writeHead(500).end('{"code":"INTERNAL"}');
    const { authorization = '', 'content-type': type } = request.headers;
    const init = chunks.length > 0 ? { body: Buffer.concat(chunks) } : {};
    const answer = await fetch(`${file.urls.aiwm}${request.url}`, { method: request.method ?? 'GET', headers: { authorization, ...(type ? { 'content-type': type } : {}) }, ...init });
    return response.writeHead(answer.status).end(await answer.text());
  };
  const server = createServer((request, response) => void pass(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await use(`http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`).finally(() => server.close());
}

test('the connection test also cleans up when it fails half-way', async () => {
  const before = await counts();
  await withBrokenConnect(async (base) => {
    const { code, output } = await connectionTest(base, CREDENTIALS());
    expect(output).toMatch(/FAILED: POST \/agents\/[0-9a-f]{24}\/connect answered 500 instead of 401[\s\S]*Cleaning up[\s\S]*Stopped at step 8/);
    expect(code).toBe(1);
  });
  expect(await counts()).toEqual(before);
});
