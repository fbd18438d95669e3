// An agent that is configured by AIWM and answers the VPS bridge: POST /v1/messages on AGENT_PORT (default 8800).
import { timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';
import { answerWith } from './model.mjs';
import { sdk, stopWith, takenText } from './workspace.mjs';

const { AgentClient } = sdk();
const BODY_LIMIT_BYTES = 8 * 1024 * 1024;
const HOST = process.env.AGENT_HOST || '127.0.0.1';
const PORT = Number(process.env.AGENT_PORT || 8800);
let working = 0;
const client = makeClient();
client.on('configuration', ({ changedKeys, revision }) => {
  const which = revision === null ? 'The local configuration is in force (AIWM is away or refuses)' : `AIWM's configuration ${revision} is in force`;
  console.log(`${which}; changed: ${changedKeys.join(', ')}`);
});
client.on('mode', ({ to, reason }) => console.log(`Mode ${to}: ${reason}`));

function makeClient() {
  try {
    return new AgentClient({ status: () => (working > 0 ? 'busy' : 'online') });
  } catch (error) {
    return stopWith(error.message);
  }
}

function send(response, status, body) {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
}

function mayCall({ headers }) {
  const token = process.env.AGENT_AUTH_TOKEN;
  const [shown, wanted] = [Buffer.from(headers.authorization ?? ''), Buffer.from(`Bearer ${token}`)];
  return !token || (shown.length === wanted.length && timingSafeEqual(shown, wanted));
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
  if (!mayCall(request)) return send(response, 401, { error: request.headers.authorization ? 'Wrong bearer token' : 'Missing bearer token: send AGENT_AUTH_TOKEN as Authorization: Bearer …' });
  if (client.health().aiwm.mode === 'stopped') return send(response, 503, { error: 'This agent is stopped: AIWM has suspended it or does not know it' });
  const body = await readBody(request);
  if (!Array.isArray(body?.messages)) return send(response, 400, { error: 'The body must be a JSON object with a list of messages, 8 MiB at most' });
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const stream = body.stream === true;
  working++;
  try {
    const { instruction } = client.configuration;
    const pieces = answerWith({ instruction, messages: body.messages, stream, signal: gone.signal, environment: process.env });
    await (stream ? sendStream(response, pieces) : sendWhole(response, pieces));
  } catch (error) {
    if (!gone.signal.aborted) fail(response, error);
  } finally {
    working--;
  }
}

async function sendWhole(response, pieces) {
  let content = '';
  for await (const piece of pieces) content += piece;
  send(response, 200, { content });
}

/** The header waits for the first piece, so that a model that fails at once is an ordinary error. */
async function sendStream(response, pieces) {
  for await (const content of pieces) {
    if (!response.headersSent) response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    response.write(`data: ${JSON.stringify({ content })}\n\n`);
  }
  if (!response.headersSent) response.writeHead(200, { 'Content-Type': 'text/event-stream' });
  response.end('data: [DONE]\n\n');
}

function fail(response, error) {
  console.error(`The model failed: ${error.message}`);
  // A stream without its end mark is one that broke off; the bridge then goes on with the next agent.
  if (response.headersSent) response.destroy();
  else if (error.name === 'TimeoutError') send(response, 504, { error: 'The model did not answer in time' });
  else send(response, 502, { error: 'The model did not answer' });
}

const server = createServer((request, response) => {
  if (client.handle(request, response)) return;
  if (request.method === 'POST' && request.url === '/v1/messages') answerMessages(request, response).catch(() => response.destroy());
  else send(response, 404, { error: 'Not found; POST /v1/messages, GET /health, GET /metrics' });
});
server.once('error', (error) => stopWith(`AGENT_PORT or AGENT_HOST: ${error.code === 'EADDRINUSE' ? takenText(PORT) : error.message}`));

await client.start().catch((error) => stopWith(`AGENT_HEALTH_PORT: ${error.message}`));
server.listen(PORT, HOST, () => {
  console.log(`Agent ready on http://${HOST}:${server.address().port} (${client.health().aiwm.mode})`);
});

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, async () => {
    server.close();
    await client.stop(signal);
    process.exit(0);
  });
}
