import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { waitFor } from '@agentfleet/testing';
import { TwoBridges } from './two-bridges.fixture';

let two: TwoBridges;
const servers: Server[] = [];

beforeAll(async () => {
  two = await TwoBridges.start({ VPS_MAX_RESPONSE_BYTES: '200000' });
});
afterAll(async () => {
  for (const server of servers) server.close();
  await two.stop();
});

/** An agent that speaks bare TCP. @param talk is given each connection, and again each piece that arrives on it. */
async function tcpAgent(talk: (socket: Socket, piece: Buffer | null) => void, over: object = {}): Promise<{ name: string; connections: Socket[] }> {
  const connections: Socket[] = [];
  const server = createServer((socket) => {
    connections.push(socket);
    socket.on('error', () => undefined);
    talk(socket, null);
    socket.on('data', (piece) => talk(socket, piece));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // a TCP server's address is never a string
  const name = `tcp-${servers.length}`;
  expect((await two.one.register(name, port, { max_retries: 1, timeout_seconds: 2, ...over })).status).toBe(201);
  return { name, connections };
}

/** Answers every request with these bytes and closes. */
const answers = (...pieces: (string | Buffer)[]) => (socket: Socket, piece: Buffer | null) => {
  if (piece !== null && !socket.writableEnded) socket.end(Buffer.concat(pieces.map((one) => Buffer.from(one))));
};
const OK = '{"content":"hello"}';
/** On loopback nobody is told whether a port is closed, breaks connections, or speaks something else. */
const NO_HTTP = ['CONNECTION', 'refused'] as const;
const head = (...lines: string[]) => `HTTP/1.1 200 OK\r\n${['Content-Type: application/json', ...lines].join('\r\n')}\r\n\r\n`;
const encoded = (encoding: string, body: Buffer): [string, Buffer] => [head(`Content-Encoding: ${encoding}`, `Content-Length: ${body.length}`), body];
const BOMB = Buffer.from(JSON.stringify({ content: 'x'.repeat(20_000_000) }));

it.each<[string, (string | Buffer)[]]>([
  ['a body until the end of an HTTP/1.0 connection', ['HTTP/1.0 200 OK\r\n\r\n', OK]],
  ['a body until the end of the connection', [head(), OK]],
  ['no reason phrase', ['HTTP/1.1 200\r\nContent-Length: 19\r\n\r\n', OK]],
  ['early hints first', ['HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n', head('Content-Length: 19'), OK]],
  ['100 Continue first', ['HTTP/1.1 100 Continue\r\n\r\n', head('Content-Length: 19'), OK]],
  ['102 Processing first', ['HTTP/1.1 102 Processing\r\n\r\n', head('Content-Length: 19'), OK]],
  ['several answers that are none first', ['HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n', 'HTTP/1.1 100 Continue\r\nX: y\r\n\r\n'.repeat(3), 'HTTP/1.1 102 Processing\r\n\r\n', head('Content-Length: 19'), OK]],
  ['a byte order mark', [head('Content-Length: 22'), `\ufeff${OK}`]],
  ['chunks', [head('Transfer-Encoding: chunked'), '5\r\n{"con\r\n', 'e\r\ntent":"hello"}\r\n', '0\r\n\r\n']],
  ['chunks with extensions and trailers', [head('Transfer-Encoding: chunked'), '13;x=y\r\n', OK, '\r\n0\r\nX-Trailer: z\r\n\r\n']],
  ['gzip', encoded('gzip', gzipSync(OK))],
  ['x-gzip', encoded('X-GZIP', gzipSync(OK))],
  ['deflate', encoded('deflate', deflateSync(OK))],
  ['deflate without its header', encoded('deflate', deflateRawSync(OK))],
  ['br', encoded('br', brotliCompressSync(OK))],
  ['cookies, which nobody keeps', [head('Set-Cookie: a=b', 'Content-Length: 19'), OK]],
  ['another content type', ['HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 19\r\n\r\n', OK]],
  ['201', ['HTTP/1.1 201 Created\r\nContent-Length: 19\r\n\r\n', OK]],
])('understands an answer with %s', async (_name, pieces) => {
  const { name } = await tcpAgent(answers(...pieces));
  expect((await two.one.call(name)).body).toMatchObject({ success: true, response: 'hello' });
});

it.each<[string, (string | Buffer)[], string, string]>([
  ['a br bomb', encoded('br', brotliCompressSync(BOMB)), 'INVALID_RESPONSE', 'too_large'],
  ['a deflate bomb', encoded('deflate', deflateSync(BOMB)), 'INVALID_RESPONSE', 'too_large'],
  ['a bomb in a bomb', encoded('gzip, gzip', gzipSync(gzipSync(BOMB))), 'INVALID_RESPONSE', 'bad_encoding'],
  ['two encoding headers', [head('Content-Encoding: gzip', 'Content-Encoding: br'), brotliCompressSync(gzipSync(OK))], 'INVALID_RESPONSE', 'bad_encoding'],
  ['half of a br body', encoded('br', brotliCompressSync(BOMB).subarray(0, 12)), 'INVALID_RESPONSE', 'cut_off'],
  ['half of a gzip body', encoded('gzip', gzipSync(OK).subarray(0, 20)), 'INVALID_RESPONSE', 'cut_off'],
  ['less than its length', [head('Content-Length: 100'), OK], 'INVALID_RESPONSE', 'cut_off'],
  ['more than its length', [head('Content-Length: 5'), OK], 'INVALID_RESPONSE', 'not_json'],
  ['a length of 10 GB', [head('Content-Length: 10000000000'), OK], 'INVALID_RESPONSE', 'too_large'],
  ['a length that is no number', [head('Content-Length: many'), OK], ...NO_HTTP],
  ['a negative length', [head('Content-Length: -1'), OK], ...NO_HTTP],
  ['two lengths', [head('Content-Length: 19', 'Content-Length: 20'), OK], ...NO_HTTP],
  ['garbage for a chunk', [head('Transfer-Encoding: chunked'), 'zz\r\nhello\r\n'], 'INVALID_RESPONSE', 'bad_http'],
  ['half of a chunk', [head('Transfer-Encoding: chunked'), 'ff\r\nhello'], 'INVALID_RESPONSE', 'cut_off'],
  ['no last chunk', [head('Transfer-Encoding: chunked'), '13\r\n', OK, '\r\n'], 'INVALID_RESPONSE', 'cut_off'],
  ['many headers', [head(...Array.from({ length: 2000 }, (_, n) => `X-${n}: yyyyyyyyyy`), 'Content-Length: 19'), OK], 'INVALID_RESPONSE', 'too_large'],
  ['one endless header', ['HTTP/1.1 200 OK\r\nX: ', 'y'.repeat(100_000)], 'INVALID_RESPONSE', 'too_large'],
  ['a header without a name', [head(': x', 'Content-Length: 19'), OK], ...NO_HTTP],
  ['a header with a NUL', [head('X: a\u0000b', 'Content-Length: 19'), OK], ...NO_HTTP],
  ['another protocol', ['220 mail.example ESMTP\r\n'], ...NO_HTTP],
  ['TLS', [Buffer.from([0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x46])], ...NO_HTTP],
  ['HTTP/2', ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'], ...NO_HTTP],
  ['an upgrade that nobody asked for', ['HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'], ...NO_HTTP],
  ['an upgrade without a protocol', ['HTTP/1.1 101 Switching Protocols\r\n\r\n'], ...NO_HTTP],
  ['100 Continue and then nothing', ['HTTP/1.1 100 Continue\r\n\r\n'], ...NO_HTTP],
  ['an error beside an empty text', [head(), '{"error":{"message":"overloaded"},"content":""}'], 'INVALID_RESPONSE', 'no_text'],
  ['both kinds of length', [head('Content-Length: 19', 'Transfer-Encoding: chunked'), '0\r\n\r\n'], ...NO_HTTP],
  ['status 099', ['HTTP/1.1 099 Low\r\nContent-Length: 19\r\n\r\n', OK], ...NO_HTTP],
  ['status 1000', ['HTTP/1.1 1000 High\r\nContent-Length: 19\r\n\r\n', OK], ...NO_HTTP],
  ['half a status line', ['HTTP/1.1 2'], ...NO_HTTP],
  ['half a header', ['HTTP/1.1 200 OK\r\nContent-Ty'], ...NO_HTTP],
  ['nothing', [''], ...NO_HTTP],
  ['204', ['HTTP/1.1 204 No Content\r\n\r\n'], 'INVALID_RESPONSE', 'not_json'],
  ['205', ['HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n'], 'INVALID_RESPONSE', 'not_json'],
  ['304', ['HTTP/1.1 304 Not Modified\r\n\r\n'], 'INVALID_RESPONSE', 'redirect'],
  ['301 to nowhere', ['HTTP/1.1 301 Moved\r\nContent-Length: 0\r\n\r\n'], 'INVALID_RESPONSE', 'redirect'],
  ['404', ['HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n'], 'UNKNOWN', 'http_404'],
  ['status 599', ['HTTP/1.1 599 Odd\r\nContent-Length: 0\r\n\r\n'], 'UNKNOWN', 'http_599'],
  ['a refusal of 10 GB', ['HTTP/1.1 500 Oops\r\nContent-Length: 10000000000\r\n\r\n', 'x'.repeat(100_000)], 'UNKNOWN', 'http_500'],
])('an answer with %s', async (_name, pieces, type, code) => {
  const { name } = await tcpAgent(answers(...pieces));
  const { status, body } = await two.one.call(name);
  expect([status, body['success'], body['error_type'], body['error_code']]).toEqual([200, false, type, code]);
  expect((await two.one.get(`/api/vps/health/${name}`)).body).toMatchObject({ total_requests: 1, last_error_type: type });
});

it.each<[string, string, number | null]>([
  ['a word', 'soon', null],
  ['a negative number', '-5', null],
  ['a fraction', '3.5', 4],
  ['a century', '3153600000', 1],
  ['more than a number holds', '99999999999', 1],
  ['sent twice', '3\r\nRetry-After: 3', 3],
  ['a date long past', 'Wed, 21 Oct 2015 07:28:00 GMT', 0],
])('a Retry-After that is %s', async (_name, value, retryAfterSeconds) => {
  const { name } = await tcpAgent(answers(`HTTP/1.1 429 Slow Down\r\nRetry-After: ${value}\r\nContent-Length: 0\r\n\r\n`));
  expect((await two.one.call(name)).body).toMatchObject({ error_type: 'RATE_LIMIT', retry_after_seconds: retryAfterSeconds });
});

it.each(['3.5', '3\r\nRetry-After: 3', '99999999999'])('nobody is asked again before Retry-After %j is over', async (value) => {
  const { name, connections } = await tcpAgent(answers(`HTTP/1.1 503 Slow Down\r\nRetry-After: ${value}\r\nContent-Length: 0\r\n\r\n`), { max_retries: 3 });
  const { body } = await two.one.call(name, { deadline_seconds: 2 });
  expect(body).toMatchObject({ error_code: 'http_503', attempts: [{ tries: 1 }] });
  expect(body['retry_after_seconds']).toBeGreaterThanOrEqual(3);
  expect(connections).toHaveLength(1);
});

describe('streams', () => {
  const EVENTS = 'data: {"content":"hello"}\n\ndata: [DONE]\n\n';
  const streamed = async (...pieces: (string | Buffer)[]) => {
    const { name } = await tcpAgent(answers(...pieces), { streaming: true });
    return (await two.one.ask('POST', '/api/vps/call/stream', { body: { agent_name: name, prompt: 'p' } })).text;
  };
  const head200 = (...lines: string[]) => `HTTP/1.1 200 OK\r\n${lines.join('\r\n')}\r\n\r\n`;

  it.each([
    ['in another case', 'Content-Type: Text/Event-Stream'],
    ['with blanks and parameters', 'Content-Type:   text/event-stream ;charset="a,b" ; x=y'],
    ['with tabs', 'Content-Type:\ttext/event-stream\t; charset=utf-8'],
    ['sent twice', 'Content-Type: text/event-stream\r\nContent-Type: text/event-stream'],
  ])('a content type %s is recognised', async (_name, type) => {
    expect(await streamed(head200(type), EVENTS)).toContain('"response":"hello"');
  });

  it.each<[string, Buffer]>([
    ['deflate', deflateSync(EVENTS)],
    ['deflate', deflateRawSync(EVENTS)],
    ['GZIP', gzipSync(EVENTS)],
    ['identity, br', brotliCompressSync(EVENTS)],
    ['', Buffer.from(`\ufeff${EVENTS}`)],
    ['', Buffer.from(EVENTS.trim())],
  ])('packed as %j it is read (%#)', async (encoding, body) => {
    expect(await streamed(head200('Content-Type: text/event-stream', `Content-Encoding: ${encoding}`), body)).toContain('"response":"hello"');
  });

  it.each<[string, Buffer, string]>([
    ['deflate', deflateRawSync(EVENTS).subarray(0, 8), 'cut_off'],
    ['deflate', Buffer.alloc(0), 'cut_off'],
    ['gzip', gzipSync(EVENTS).subarray(0, 20), 'cut_off'],
    ['br', brotliCompressSync(EVENTS).subarray(0, 8), 'cut_off'],
    ['gzip, br', brotliCompressSync(gzipSync(EVENTS)), 'bad_encoding'],
    ['zstd', Buffer.from(EVENTS), 'bad_encoding'],
    ['', Buffer.from('data: {"content":"hello"}\n\ndata: {"error":{"message":"x"}}\n\ndata: [DONE]\n\n'), 'cut_off'],
    ['', Buffer.from('event: Error\ndata: {"content":"x"}\n\ndata: [DONE]\n\n'), 'cut_off'],
  ])('packed as %j and broken it fails over (%#)', async (encoding, body, code) => {
    const text = await streamed(head200('Content-Type: text/event-stream', `Content-Encoding: ${encoding}`), body);
    expect(text).toContain(`"error_code":"${code}"`);
    expect(text).toContain('event: error');
  });
});

it('a refusal that comes before the prompt was sent is heard', async () => {
  const { name } = await tcpAgent((socket, piece) => {
    if (piece === null) return;
    socket.write('HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
    socket.pause(); // takes no more of it
  });
  expect((await two.one.call(name, { prompt: 'x'.repeat(1_900_000) })).body).toMatchObject({ error_type: 'UNKNOWN', error_code: 'http_413', attempts: [{ tries: 1, status_code: 413 }] });
});

it('an agent that never takes the prompt ends on time', async () => {
  const { name } = await tcpAgent((socket) => void socket.pause(), { timeout_seconds: 1 });
  expect((await two.one.call(name, { prompt: 'x'.repeat(1_900_000) })).body).toMatchObject({ error_type: 'TIMEOUT', error_code: 'timeout', attempts: [{ tries: 1 }] });
});

it('an agent that should speak TLS and does not', async () => {
  const { name } = await tcpAgent(answers(head('Content-Length: 19'), OK), { protocol: 'https', max_retries: 2 });
  expect((await two.one.call(name)).body).toMatchObject({ error_type: 'CONNECTION', error_code: 'refused', attempts: [{ tries: 2, status_code: null }] });
});

it('a connection that dies between two calls costs the second one nothing', async () => {
  const { name, connections } = await tcpAgent((socket, piece) => {
    if (piece !== null) socket.write(`${head('Content-Length: 19', 'Connection: keep-alive')}${OK}`);
  });
  for (let n = 1; n <= 3; n++) {
    expect((await two.one.call(name)).body).toMatchObject({ success: true, attempts: [{ tries: 1 }] });
    expect(connections).toHaveLength(n);
    const [socket] = connections.slice(-1);
    socket!.end();
    await waitFor('the bridge to close its side', () => socket!.closed);
  }
});

it('what an agent sends unasked between two calls is never taken for an answer', async () => {
  const { name, connections } = await tcpAgent((socket, piece) => {
    if (piece !== null) socket.write(`${head('Content-Length: 19')}${OK}${head('Content-Length: 22')}{"content":"smuggled"}`);
  });
  for (let n = 0; n < 3; n++) expect((await two.one.call(name)).body['response']).not.toBe('smuggled');
  expect(connections.length).toBeGreaterThan(1);
});
