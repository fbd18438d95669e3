import { request } from 'node:http';
import { waitFor } from '@agentfleet/testing';
import { WebSocket } from 'ws';

export interface Received {
  readonly type: string;
  readonly request_id?: string;
  readonly payload: Record<string, unknown>;
  readonly timestamp: string;
}

/** The far side: an agent with a real socket. */
export class AgentClient {
  readonly received: Received[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;
  private next = 0;

  private constructor(readonly socket: WebSocket) {
    socket.on('message', (data) => this.received.push(JSON.parse(String(data))));
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() })));
  }

  static open(url: string, key: string, options: { query?: string; autoPong?: boolean } = {}): Promise<AgentClient> {
    const address = `${url.replace('http', 'ws')}/api/v1/clusters/agent/ws${options.query ?? ''}`;
    const client = new AgentClient(new WebSocket(address, { headers: { Authorization: `Bearer ${key}` }, autoPong: options.autoPong ?? true }));
    return new Promise((resolve, reject) => {
      client.socket.once('open', () => resolve(client));
      client.socket.once('unexpected-response', (_request, response) => reject(new Error(`upgrade refused: ${response.statusCode}`)));
      client.socket.once('error', reject);
    });
  }

  send(message: unknown): void {
    this.socket.send(typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message));
  }

  /** Sends with a new request id and waits for the answer that echoes it. */
  ask(type: string, payload: unknown, options: { timeoutMs?: number } = {}): Promise<Received> {
    const request_id = `q${++this.next}`;
    this.send({ type, request_id, payload, timestamp: new Date().toISOString() });
    return waitFor(`an answer to ${type}`, () => this.received.find((answer) => answer.request_id === request_id), options);
  }

  async register(agentId: string, name = agentId, more: object = {}): Promise<Record<string, unknown>> {
    const answer = await this.ask('register', { agent_id: agentId, name, ...more });
    if (answer.type !== 'register_success') throw new Error(`register was answered ${JSON.stringify(answer)}`);
    return answer.payload;
  }

  async close(code = 1000): Promise<void> {
    this.socket.close(code);
    await this.closed;
  }
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Record<string, unknown>;
}

/** An upgrade request that is expected to be refused. */
export function refusedUpgrade(url: string, path: string, headers: Record<string, string>): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const upgrade = { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==' };
    const asked = request(`${url}${path}`, { headers: { ...upgrade, ...headers } });
    asked.on('response', (response) => {
      let text = '';
      response.on('data', (chunk) => (text += String(chunk)));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text === '' ? {} : JSON.parse(text) }));
    });
    asked.on('upgrade', (_response, socket) => {
      socket.destroy();
      reject(new Error('the upgrade was accepted'));
    });
    asked.on('error', reject);
    asked.end();
  });
}
