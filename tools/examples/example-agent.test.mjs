// What examples/agent says when something of the last time is still there, or nothing is; the rest is in e2e/.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ROOT } from '../workspace/paths.mjs';
import { run } from '../workspace/run.mjs';

const directory = mkdtempSync(join(tmpdir(), 'agentfleet-example-test-'));
after(() => rmSync(directory, { recursive: true, force: true }));

const skip = existsSync(join(ROOT, 'dist/libs/sdk/index.js')) ? false : 'the SDK is not built (npm run build)';

/** Runs a script of the example beside a server that answers everything with `answer(request, response)`. */
async function beside(answer, script, variables = {}) {
  const asked = [];
  const server = createHttpServer((request, response) => {
    asked.push(request.url);
    answer(request, response);
  }).listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  const { port } = server.address();
  const url = `http://127.0.0.1:${port}`;
  writeFileSync(join(directory, 'stack.json'), JSON.stringify({ urls: { aiwm: url, vps_bridge: url }, admin: { email: 'a', password: 'p' }, api_keys: { bridge: 'k' } }));
  const env = { PATH: process.env.PATH, DATA_DIR: directory, AIWM_ENV_FILE: join(directory, '.env'), AIWM_ENABLED: 'false', AGENT_PORT: String(port), ...variables };
  const { code, output } = await run(process.execPath, [join(ROOT, 'examples/agent', script)], { env, timeoutMs: 60_000 });
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
  return { code, output, asked, port };
}

test('while the agent of the last time listens, neither a new set-up nor a new agent is made', { skip }, async () => {
  for (const script of ['set-up.mjs', 'agent.mjs']) {
    const { code, output, asked, port } = await beside((_request, response) => response.end(), script);
    assert.equal(code, 1);
    assert.match(output, new RegExp(`port ${port} is taken, probably by the agent of the last time: stop it \\(kill %1 in its terminal\\), or set AGENT_PORT`));
    assert.deepEqual(asked, []);
  }
});

const failing = (data) => (_request, response) => {
  response.writeHead(200, { 'Content-Type': 'text/event-stream' }).end(`event: error\ndata: ${JSON.stringify({ success: false, error: 'All agents failed', ...data })}\n\n`);
};

for (const [data, hint] of [
  [{ error_type: 'CONNECTION', error_code: 'refused' }, /^All agents failed\nIs agent\.mjs running\?/],
  [{ error_type: 'UNKNOWN', error_code: 'http_401' }, /^All agents failed\nAn agent of an earlier set-up listens there: stop it \(kill %1/],
  [{ error_type: 'UNKNOWN', error_code: 'not_registered' }, /^All agents failed\nWas set-up\.mjs run before\?/],
  [{ error_type: 'UNKNOWN', error_code: 'http_502' }, /^All agents failed\n$/],
]) {
  test(`ask.mjs says what to look at: ${data.error_code}`, { skip }, async () => {
    const { code, output } = await beside(failing(data), 'ask.mjs');
    assert.equal(code, 1);
    assert.match(output, hint);
  });
}
