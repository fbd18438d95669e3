import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ReceivedRequest {
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Readonly<Record<string, unknown>>;
}

type Behaviour = (request: ReceivedRequest, response: ServerResponse) => void;

/** Answers with a JSON body. */
export const json = (status: number, body: unknown, headers: Record<string, string> = {}): Behaviour => (_request, response) => {
  const text = JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text), ...headers });
  response.end(text);
};

/** Answers with one text block. */
export const says = (text: string): Behaviour => json(200, { content: [{ type: 'text', text }] });

/** Answers with bytes as they are. */
export const bytes = (status: number, body: Buffer | string, headers: Record<string, string> = {}): Behaviour => (_request, response) => {
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), ...headers });
  response.end(body);
};

/** A real HTTP server in the place of an agent. */
export class FakeAgent {
  readonly requests: ReceivedRequest[] = [];
  private readonly server: Server;
  /** Used in turn; the last one stays. */
  private behaviours: Behaviour[] = [says('hello')];

  private constructor() {
    this.server = createServer((request, response) => void this.serve(request, response));
  }

  static async start(...behaviours: Behaviour[]): Promise<FakeAgent> {
    const agent = new FakeAgent();
    if (behaviours.length > 0) agent.behaviours = behaviours;
    await new Promise<void>((resolve) => agent.server.listen(0, '127.0.0.1', resolve));
    return agent;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port; // a TCP server's address is never a string
  }

  behave(...behaviours: Behaviour[]): void {
    this.behaviours = behaviours;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(Buffer.from(chunk));
    const received = { path: request.url ?? '', headers: request.headers, body: JSON.parse(Buffer.concat(chunks).toString() || '{}') };
    this.requests.push(received);
    const behaviour = this.behaviours.length > 1 ? this.behaviours.shift() : this.behaviours[0];
    behaviour?.(received, response);
  }
}
