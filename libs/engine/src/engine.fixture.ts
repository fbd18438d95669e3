import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EngineClock } from './clock';
import type { EngineMessage } from './messages';
import { openAiCompatibleModel, type EngineModel } from './model/model';
import type { AgentRun } from './run/agent-run';
import type { EngineItem } from './run/items';
import { newProgress } from './run/progress';
import { listDir } from './tools/list-dir';
import { readFile } from './tools/read-file';
import { Toolset } from './tools/tool';

export const RUN_ID = 'run_test';

/** The real time, but pauses between attempts take no time; they are kept for the spec to look at. */
export function quickClock(): EngineClock & { readonly slept: number[] } {
  const slept: number[] = [];
  return {
    slept,
    now: () => Date.now(),
    monotonicMs: () => performance.now(),
    sleep: async (ms) => void slept.push(ms),
    random: () => 0.5,
  };
}

export function userInput(content: string, runId = RUN_ID): EngineMessage {
  return { role: 'user', runId, content, context: {} };
}

let ids = 0;

export function agentRun(parts: Partial<AgentRun> & Pick<AgentRun, 'model' | 'transcript'>): AgentRun {
  return {
    runId: RUN_ID,
    system: 'You are a helpful agent.',
    tools: new Toolset([listDir, readFile]),
    workspaceDir: '/nonexistent',
    progress: newProgress(Date.now()),
    limits: { maxIterations: 25, maxTokens: null, contextTokens: 100_000, toolResultMaxBytes: 262_144 },
    signal: new AbortController().signal,
    clock: quickClock(),
    newCallId: () => `call_fresh${ids++}`,
    ...parts,
  };
}

export async function collect(items: AsyncIterable<EngineItem>): Promise<EngineItem[]> {
  const all: EngineItem[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** All events in order, neighbouring text deltas merged: the order that viewers see. */
export function outline(items: readonly EngineItem[]): string[] {
  const events = items.flatMap((item) => (item.kind === 'event' ? [item.event] : item.events));
  const lines: string[] = [];
  let text = '';
  const flush = () => {
    if (text !== '') lines.push(`text ${text}`);
    text = '';
  };
  for (const event of events) {
    if (event.type === 'text') {
      text += event.data.text;
      continue;
    }
    flush();
    if (event.type === 'iteration_end') lines.push(`iteration_end ${event.data.iteration} (${event.data.tool_calls})`);
    else if (event.type === 'tool_call') lines.push(`tool_call ${event.data.name}`);
    else if (event.type === 'tool_result') lines.push(`tool_result ${event.data.outcome}`);
    else if (event.type === 'status') lines.push(`status ${event.data.status}`);
    else if (event.type === 'error') lines.push(`error ${event.data.code}`);
    else lines.push(event.type);
  }
  flush();
  return lines;
}

export interface FakeProvider {
  readonly model: EngineModel;
  readonly requests: { readonly body: unknown }[];
  close(): Promise<void>;
}

/** A provider that answers request n with the n-th script (the last one again and again). */
export async function fakeProvider(
  scripts: readonly ((response: ServerResponse, request: IncomingMessage) => void)[],
  options: { readonly apiKey?: string; readonly firstByteMs?: number; readonly stallMs?: number } = {},
): Promise<FakeProvider> {
  const requests: { body: unknown }[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      requests.push({ body: JSON.parse(Buffer.concat(chunks).toString()) });
      scripts[Math.min(requests.length, scripts.length) - 1]?.(response, request);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const model = openAiCompatibleModel({
    name: 'fake',
    model: 'fake',
    baseUrl: `http://127.0.0.1:${address.port}/v1`,
    apiKey: options.apiKey ?? 'sk-fake-0123456789abcdef',
    timeouts: { firstByteMs: options.firstByteMs ?? 5_000, stallMs: options.stallMs ?? 5_000 },
  });
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { model, requests, close };
}

/** An SSE answer of raw chunks; without `[DONE]` and finish reason unless the chunks have them. */
export function sse(...chunks: readonly object[]) {
  return (response: ServerResponse): void => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const chunk of chunks) response.write(`data: ${JSON.stringify(chunk)}\n\n`);
    response.end();
  };
}

export function delta(part: object, finish: string | null = null): object {
  return { id: 'x', object: 'chat.completion.chunk', created: 0, model: 'fake', choices: [{ index: 0, delta: part, finish_reason: finish }] };
}

export function status(code: number, message: string, headers: Record<string, string> = {}) {
  return (response: ServerResponse): void => {
    response.writeHead(code, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify({ error: { message, type: 'error', param: null, code: null } }));
  };
}

/** Waits until a condition holds; fails after a deadline. */
export async function until(condition: () => boolean, deadlineMs = 5_000): Promise<void> {
  const end = Date.now() + deadlineMs;
  while (!condition()) {
    if (Date.now() > end) throw new Error('The condition did not come true in time');
    await sleep(5);
  }
}
