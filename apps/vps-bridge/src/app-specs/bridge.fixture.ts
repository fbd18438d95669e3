import { createServer, type AddressInfo } from 'node:net';
import { HttpCaller, type HttpAnswer, type HttpOptions } from '@agentfleet/testing';

export type Answer = HttpAnswer;

/** A caller of one bridge with one credential. */
export class BridgeCaller {
  private readonly http: HttpCaller;

  constructor(url: string, credentials: Readonly<Record<string, string>>) {
    this.http = new HttpCaller(url, credentials);
  }

  ask(method: string, path: string, options?: HttpOptions): Promise<Answer> {
    return this.http.ask(method, path, options);
  }

  get(path: string): Promise<Answer> {
    return this.http.get(path);
  }

  register(name: string, port: number, over: object = {}): Promise<Answer> {
    return this.ask('POST', '/api/vps/register', { body: { name, host: '127.0.0.1', port, ...over } });
  }

  call(agentName: string, over: object = {}): Promise<Answer> {
    return this.ask('POST', '/api/vps/call', { body: { agent_name: agentName, prompt: 'Plan a 3-phase project', ...over } });
  }
}

/** What a refusal tells: status, code and the fields that are wrong. */
export const problem = ({ status, body }: Answer) => [status, body['code'], (body['errors'] as { field: string }[] | undefined)?.map(({ field }) => field)];

/** A port on which nobody listens. */
export async function deadPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // a TCP server's address is never a string
  await new Promise((resolve) => server.close(resolve));
  return port;
}
