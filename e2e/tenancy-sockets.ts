import { request } from 'node:http';
import { waitFor } from '@agentfleet/testing';
import { WebSocket, type ClientOptions } from 'ws';
import type { Answer, RequestHeaders } from './tenancy.fixture';

const UPGRADE = { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==' };

/** What an upgrade is answered with; 101 without a body when it is accepted. */
export function upgrade(url: string, headers: RequestHeaders): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { headers: { ...UPGRADE, ...headers }, timeout: 8000 });
    asked.on('response', (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    asked.on('upgrade', (_response, socket) => {
      socket.destroy();
      resolve({ status: 101, text: '' });
    });
    asked.on('timeout', () => asked.destroy(new Error(`no answer to the upgrade of ${url}`)));
    asked.on('error', reject);
    asked.end();
  });
}

/** Asks one frame after another on one socket; each answer is the next frame that comes back. */
export async function frames(url: string, headers: RequestHeaders, sent: readonly object[], options: ClientOptions = {}): Promise<string[]> {
  const socket = new WebSocket(url.replace('http', 'ws'), { ...options, headers: { ...headers } });
  const received: string[] = [];
  socket.on('message', (data) => received.push(String(data)));
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  for (const [index, frame] of sent.entries()) {
    socket.send(JSON.stringify(frame));
    await waitFor(`an answer to ${JSON.stringify(frame)}`, () => received.length > index);
  }
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.close();
  await closed;
  return received;
}
