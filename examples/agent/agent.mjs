// An agent that is configured by AIWM and answers the VPS bridge: POST /v1/messages on AGENT_PORT (default 8800).
import { createServer } from 'node:http';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { answerWith } from './model.mjs';

const sdk = new URL('../../dist/libs/sdk/index.js', import.meta.url);
if (!existsSync(sdk)) {
  console.error('The SDK is not built yet: run npm start (or npm run build) once');
  process.exit(1);
}
const { AgentClient } = createRequire(import.meta.url)(sdk.pathname);

const BODY_LIMIT_BYTES = 1024 * 1024;
let working = 0;
const client = new AgentClient({ status: () => (working > 0 ? 'busy' : 'online') });
client.on('configuration', ({ changedKeys, revision }) => console.log(`Configuration ${revision}: ${changedKeys.join(', ')} changed`));
client.on('mode', ({ to, reason }) => console.log(`Mode ${to}: ${reason}`));

function send(response, status, body) {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
}

async function readBody(request) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > BODY_LIMIT_BYTES) return undefined;
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    return undefined;
  }
}

async function answerMessages(request, response) {
  const token = process.env.AGENT_AUTH_TOKEN;
  if (token && request.headers.authorization !== `Bearer ${token}`) return send(response, 401, { error: 'Wrong or missing bearer token' });
  const body = await readBody(request);
  if (!Array.isArray(body?.messages)) return send(response, 400, { error: 'The body must be a JSON object with a list of messages, 1 MiB at most' });
  working++;
  try {
    const { instruction } = client.configuration;
    send(response, 200, { content: await answerWith({ instruction, messages: body.messages, environment: process.env }) });
  } catch (error) {
    console.error(`The model failed: ${error.message}`);
    send(response, 502, { error: 'The model did not answer' });
  } finally {
    working--;
  }
}

const server = createServer((request, response) => {
  if (client.handle(request, response)) return;
  if (request.method === 'POST' && request.url === '/v1/messages') void answerMessages(request, response);
  else send(response, 404, { error: 'Not found; POST /v1/messages, GET /health, GET /metrics' });
});

await client.start();
server.listen(Number(process.env.AGENT_PORT ?? 8800), process.env.AGENT_HOST ?? '127.0.0.1', () => {
  console.log(`Agent ready on http://127.0.0.1:${server.address().port} (${client.health().aiwm.mode})`);
});

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, async () => {
    server.close();
    await client.stop(signal);
    process.exit(0);
  });
}
