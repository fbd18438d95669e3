import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { waitFor } from '@agentfleet/testing';
import type { Client } from '../app-specs/aiwm-stack.fixture';

/** An open event stream and the text that came so far. */
export interface OpenStream {
  text(): string;
  ended(): boolean;
  /** Stops reading: what comes stays with the sender. */
  pause(): void;
  resume(): void;
  close(): void;
}

export async function openStream(client: Client, query = ''): Promise<OpenStream> {
  const request = get(`${client.url}/events${query}`, { headers: { ...client.headers }, agent: false });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const type = response.headers['content-type'];
  if (response.statusCode !== 200 || type !== 'text/event-stream; charset=utf-8') throw new Error(`No stream: ${response.statusCode} ${type}`);
  let text = '';
  let isOver = false;
  response.setEncoding('utf8');
  response.on('data', (chunk: string) => (text += chunk)).on('error', () => undefined);
  response.on('close', () => (isOver = true));
  await waitFor('ready', () => text.startsWith('event: ready\ndata: {"at":"'));
  return {
    text: () => text,
    ended: () => isOver,
    pause: () => void response.pause(),
    resume: () => void response.resume(),
    close: () => void request.destroy(),
  };
}
