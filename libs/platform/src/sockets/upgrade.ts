import { STATUS_CODES, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';

/** A socket path split into segments; a name in braces is a parameter. */
export class PathPattern {
  private readonly segments: readonly string[];

  constructor(path: string) {
    this.segments = path.split('/');
  }

  /** The decoded parameters, `undefined` when the path is another one. @throws URIError on bad percent-encoding */
  match(path: string): Record<string, string> | undefined {
    const segments = path.split('/');
    if (segments.length !== this.segments.length) return undefined;
    const params: Record<string, string> = {};
    for (const [index, wanted] of this.segments.entries()) {
      const given = segments[index] ?? '';
      if (!wanted.startsWith('{')) {
        if (given !== wanted) return undefined;
        continue;
      }
      if (given === '') return undefined;
      params[wanted.slice(1, -1)] = given;
    }
    for (const [name, value] of Object.entries(params)) params[name] = decodeURIComponent(value);
    return params;
  }
}

export interface Refusal {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: object;
}

/** Answers an upgrade request as plain HTTP and closes; a peer that does not close is cut after a second. */
export function refuseUpgrade(socket: Duplex, refusal: Refusal): void {
  if (socket.destroyed) return;
  const body = JSON.stringify(refusal.body);
  const headers: Record<string, string> = {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': String(Buffer.byteLength(body)),
    Connection: 'close',
    ...refusal.headers,
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value.replace(/[\r\n]/g, ' ')}`);
  socket.end([`HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status] ?? 'Refused'}`, ...lines, '', body].join('\r\n'));
  setTimeout(() => socket.destroy(), 1000).unref();
}

/** HTTP allows to ignore an offered upgrade (`h2c`): the request as it came, without the offer, to be parsed again. */
export function requestWithoutUpgrade(request: IncomingMessage, head: Buffer): Buffer {
  const lines = [`${request.method ?? 'GET'} ${request.url ?? '/'} HTTP/${request.httpVersion}`];
  for (let i = 0; i + 1 < request.rawHeaders.length; i += 2) {
    const name = request.rawHeaders[i] ?? '';
    if (!/^(upgrade|connection|http2-settings)$/i.test(name)) lines.push(`${name}: ${request.rawHeaders[i + 1] ?? ''}`);
  }
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]);
}

/** `400`/`426` of a handshake that is none, or undefined when it is well formed. `ws` itself would answer in HTML. */
export function handshakeFault(request: IncomingMessage): 'bad_key' | 'bad_version' | undefined {
  const key = request.headers['sec-websocket-key'];
  if (request.headers['sec-websocket-version'] !== '13') return 'bad_version';
  if (typeof key !== 'string' || !/^[A-Za-z0-9+/]{22}==$/.test(key)) return 'bad_key';
  return undefined;
}
