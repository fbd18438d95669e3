import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface AskOptions {
  readonly body?: unknown;
  /** Sent as it is. */
  readonly raw?: string | Uint8Array<ArrayBuffer>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly type?: string | null;
}

/** A caller of one bridge with one credential. */
export class BridgeCaller {
  constructor(
    private readonly url: string,
    private readonly credentials: Readonly<Record<string, string>>,
  ) {}

  async ask(method: string, path: string, { body, raw, headers = {}, type }: AskOptions = {}): Promise<Answer> {
    const sent = raw ?? (body === undefined ? undefined : JSON.stringify(body));
    const contentType: Record<string, string> = sent === undefined || type === null ? {} : { 'content-type': type ?? 'application/json' };
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: { ...this.credentials, ...contentType, ...headers },
      ...(sent === undefined ? {} : { body: sent }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === '' ? {} : JSON.parse(text) };
  }

  get(path: string): Promise<Answer> {
    return this.ask('GET', path);
  }

  register(name: string, port: number, over: object = {}): Promise<Answer> {
    return this.ask('POST', '/api/vps/register', { body: { name, host: '127.0.0.1', port, ...over } });
  }

  call(agentName: string, over: object = {}): Promise<Answer> {
    return this.ask('POST', '/api/vps/call', { body: { agent_name: agentName, prompt: 'Plan a 3-phase project', ...over } });
  }
}

/** A port on which nobody listens. */
export async function deadPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // a TCP server's address is never a string
  await new Promise((resolve) => server.close(resolve));
  return port;
}
