import { connect } from 'node:net';

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Sends bytes as they are: what HTTP clients would refuse, normalise or repair. The connection is closed afterwards. */
export function sendRaw(url: string, request: string | Buffer): Promise<RawAnswer> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(Number(port), hostname, () => void socket.write(request));
    socket.on('data', (chunk) => void chunks.push(chunk));
    socket.on('error', (error) => (chunks.length > 0 ? undefined : reject(error)));
    socket.on('close', () => {
      try {
        resolve(parseAnswer(Buffer.concat(chunks).toString('utf8')));
      } catch (error) {
        reject(error instanceof Error ? error : new Error('no answer'));
      }
    });
  });
}

/** One request line with headers and body, as one would write it by hand. */
export function requestText(method: string, target: string, headers: Readonly<Record<string, string>>, body?: string | Buffer): Buffer {
  const sent = body === undefined ? undefined : Buffer.from(body);
  const length = sent === undefined ? {} : { 'Content-Length': String(sent.length) };
  const lines = Object.entries({ Host: 'bridge', Connection: 'close', ...length, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.concat([Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n`), sent ?? Buffer.alloc(0)]);
}

function parseAnswer(text: string): RawAnswer {
  const end = text.indexOf('\r\n\r\n');
  const [statusLine = '', ...lines] = text.slice(0, end).split('\r\n');
  const headers = Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]));
  const raw = text.slice(end + 4);
  const content = headers['transfer-encoding'] === 'chunked' ? unchunked(raw) : raw;
  const isJson = headers['content-type']?.startsWith('application/json') === true && content !== '';
  return { status: Number(statusLine.split(' ')[1]), headers, text: content, body: isJson ? JSON.parse(content) : {} };
}

function unchunked(text: string): string {
  let rest = Buffer.from(text);
  const pieces: Buffer[] = [];
  for (;;) {
    const end = rest.indexOf('\r\n');
    const size = parseInt(rest.subarray(0, end).toString(), 16);
    if (end < 0 || !(size > 0)) return Buffer.concat(pieces).toString();
    pieces.push(rest.subarray(end + 2, end + 2 + size));
    rest = rest.subarray(end + 4 + size);
  }
}
