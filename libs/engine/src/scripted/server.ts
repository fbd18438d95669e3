import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { MalformedRequest, parseChatRequest, type ChatCall, type ChatRequest } from './chat-request';
import { composeAnswer, piecesOf, type ScriptedAnswer } from './compose-answer';

export interface ScriptedModelServer {
  /** With its version: `http://127.0.0.1:<port>/v1`. */
  readonly baseUrl: string;
  /** Bearer token that every request has to show. */
  readonly token: string;
  close(): Promise<void>;
}

const MAX_BODY_BYTES = 64 * 1024 * 1024;
const MODEL_ID = 'scripted';

/**
 * A model whose words follow from the request alone, in OpenAI's chat-completions format, on a loopback port of the
 * system's choice: the whole product runs without a model or a network, with the real client and loop.
 */
export async function startScriptedModelServer(): Promise<ScriptedModelServer> {
  const token = randomBytes(24).toString('base64url');
  const server = createServer((request, response) => void serve(request, response, token));
  server.keepAliveTimeout = 10_000;
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  server.unref(); // never keeps a process alive
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The scripted model has no port');
  return {
    baseUrl: `http://127.0.0.1:${address.port}/v1`,
    token,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function serve(request: IncomingMessage, response: ServerResponse, token: string): Promise<void> {
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  try {
    const answered = await route(request, response, token, gone.signal);
    if (!answered) sendError(response, 404, 'not_found_error', `Unknown request URL: ${request.method} ${request.url}`);
  } catch (error) {
    if (gone.signal.aborted) return;
    if (error instanceof MalformedRequest) sendError(response, 400, 'invalid_request_error', error.message);
    else sendError(response, 500, 'server_error', 'The scripted model failed.');
  }
}

async function route(request: IncomingMessage, response: ServerResponse, token: string, gone: AbortSignal): Promise<boolean> {
  if (!isBearer(request.headers.authorization, token)) {
    sendError(response, 401, 'invalid_request_error', 'Incorrect API key provided.');
    return true;
  }
  const path = (request.url ?? '').split('?')[0];
  if (request.method === 'GET' && path === '/v1/models') {
    sendJson(response, 200, { object: 'list', data: [{ id: MODEL_ID, object: 'model', created: 0, owned_by: 'agentfleet' }] });
    return true;
  }
  if (request.method !== 'POST' || path !== '/v1/chat/completions') return false;
  const chat = parseChatRequest(parseJson(await readBody(request)));
  await answer(chat, response, gone);
  return true;
}

async function answer(chat: ChatRequest, response: ServerResponse, gone: AbortSignal): Promise<void> {
  const said = composeAnswer(chat);
  if (said.directives.delayMs > 0) await sleep(said.directives.delayMs, undefined, { signal: gone });
  if (said.failure !== null) sendError(response, said.failure, errorType(said.failure), `Scripted failure with status ${said.failure}.`);
  else if (chat.stream) await stream(chat, said, response, gone);
  else sendJson(response, 200, completion(chat, said));
}

const OBJECT = { id: 'chatcmpl-scripted', created: 0 };

function completion(chat: ChatRequest, said: ScriptedAnswer): object {
  const calls = said.calls.length > 0 ? { tool_calls: said.calls.map((call) => wireCall(call)) } : {};
  const message = { role: 'assistant', content: said.text, ...calls };
  const choice = { index: 0, message, finish_reason: finishReason(said) };
  return { ...OBJECT, object: 'chat.completion', model: chat.model, choices: [choice], usage: said.usage };
}

async function stream(chat: ChatRequest, said: ScriptedAnswer, response: ServerResponse, gone: AbortSignal): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' });
  const base = { ...OBJECT, object: 'chat.completion.chunk', model: chat.model };
  const send = (delta: object, finish: string | null = null) =>
    response.write(`data: ${JSON.stringify({ ...base, choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`);
  send({ role: 'assistant', content: '' });
  for (const piece of piecesOf(said.text, said.directives.chunks)) {
    if (said.directives.chunkMs > 0) await sleep(said.directives.chunkMs, undefined, { signal: gone });
    send({ content: piece });
  }
  for (const [index, call] of said.calls.entries()) send({ tool_calls: [{ index, ...wireCall(call) }] });
  send({}, finishReason(said));
  if (chat.includeUsage) response.write(`data: ${JSON.stringify({ ...base, choices: [], usage: said.usage })}\n\n`);
  response.end('data: [DONE]\n\n');
}

function wireCall(call: ChatCall): object {
  return { id: call.id, type: 'function', function: { name: call.name, arguments: call.arguments } };
}

function finishReason(said: ScriptedAnswer): string {
  return said.calls.length > 0 ? 'tool_calls' : 'stop';
}

function errorType(status: number): string {
  if (status === 401) return 'authentication_error';
  if (status === 429) return 'rate_limit_error';
  return status >= 500 ? 'server_error' : 'invalid_request_error';
}

function isBearer(header: string | undefined, token: string): boolean {
  const match = /^bearer +(\S+)$/i.exec(header ?? '');
  const hash = (text: string) => createHash('sha256').update(text).digest();
  return match?.[1] !== undefined && timingSafeEqual(hash(match[1]), hash(token));
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    if (!Buffer.isBuffer(chunk)) continue;
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw new MalformedRequest('The request is too large.');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new MalformedRequest('We could not parse the JSON body of your request.');
  }
}

function sendError(response: ServerResponse, status: number, type: string, message: string): void {
  sendJson(response, status, { error: { message, type, param: null, code: null } });
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  response.end(text);
}
