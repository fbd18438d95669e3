import { request } from 'node:http';
import { connect } from 'node:net';
import { bootReplicas, waitFor, type FixtureKey, type Replicas } from '@agentfleet/testing';
import { WebSocket } from 'ws';
import { bootApp, type RunningApp } from '../boot-app';
import { probeApp, ProbePolicy } from '../probe-app.fixture';

let fleet: Replicas<typeof probeApp, RunningApp>;
let running: RunningApp;
let key: FixtureKey;

beforeAll(async () => {
  fleet = await bootReplicas(bootApp, probeApp);
  running = fleet.first;
  key = await fleet.identity.apiKey({ scopes: ['agents:read'] });
});
afterAll(() => fleet.close());

interface Client {
  readonly socket: WebSocket;
  readonly frames: Record<string, unknown>[];
  readonly closed: Promise<{ code: number; reason: string }>;
}

function open(path = '/p/room/socket', options: { autoPong?: boolean } = {}): Promise<Client> {
  const socket = new WebSocket(`${running.url.replace('http', 'ws')}${path}`, { headers: key.headers, autoPong: options.autoPong ?? true });
  const frames: Record<string, unknown>[] = [];
  socket.on('message', (data) => frames.push(JSON.parse(String(data))));
  const closed = new Promise<{ code: number; reason: string }>((resolve) => socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() })));
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve({ socket, frames, closed }));
    socket.once('error', reject);
  });
}

interface Refused {
  readonly status: number | undefined;
  readonly headers: Record<string, unknown>;
  readonly body: string;
}

function upgrade(path: string, headers: Record<string, string>, method = 'GET'): Promise<Refused> {
  return new Promise((resolve, reject) => {
    const asked = request(`${running.url}${path}`, {
      method,
      headers: { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==', ...headers },
    });
    asked.on('response', (response) => {
      let body = '';
      response.on('data', (chunk) => (body += String(chunk)));
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body }));
    });
    asked.on('upgrade', () => reject(new Error('The upgrade was accepted')));
    asked.on('error', reject);
    asked.end();
  });
}

describe('before the upgrade', () => {
  test('unknown path 404, extra segment 404', async () => {
    expect((await upgrade('/nowhere', key.headers)).status).toBe(404);
    expect((await upgrade('/p/room/socket/more', key.headers)).status).toBe(404);
  });

  test('below a protected prefix an unknown path asks for credentials first, elsewhere it is a plain 404', async () => {
    expect((await upgrade('/p/room/nothing', {})).status).toBe(401);
    expect((await upgrade('/p/%zz/socket', {})).status).toBe(401);
    expect((await upgrade('/nowhere', {})).status).toBe(404);
  });

  test('no or wrong credentials 401 with WWW-Authenticate', async () => {
    const refused = await upgrade('/p/room/socket', {});
    expect([refused.status, refused.headers['www-authenticate']]).toEqual([401, 'Bearer']);
    expect(JSON.parse(refused.body)).toMatchObject({ code: 'unauthenticated' });
    expect((await upgrade('/p/room/socket?token=nope', {})).status).toBe(401);
  });

  test('bad encoding 400, bad key 400, wrong version 426', async () => {
    expect((await upgrade('/p/%zz/socket', key.headers)).status).toBe(400);
    expect((await upgrade('/p/room/socket', { ...key.headers, 'Sec-WebSocket-Key': 'short' })).status).toBe(400);
    const version = await upgrade('/p/room/socket', { ...key.headers, 'Sec-WebSocket-Version': '8' });
    expect([version.status, version.headers['upgrade'], version.headers['sec-websocket-version']]).toEqual([426, 'websocket', '13']);
  });

  test.each([
    ['twice the same', 'a, a'],
    ['not tokens', 'a/b, {}'],
    ['empty', ','],
  ])('a subprotocol that is none (%s) is 400 in our words, and what the policy took is given back', async (_name, protocol) => {
    const policy = running.app.get(ProbePolicy);
    const before = policy.open;
    const refused = await upgrade('/p/room/socket', { ...key.headers, 'Sec-WebSocket-Protocol': protocol });
    expect([refused.status, JSON.parse(refused.body).code]).toEqual([400, 'malformed_request']);
    expect(policy.open).toBe(before);
  });

  test.each(['POST', 'PUT', 'DELETE'])('%s with an offered upgrade is an ordinary request', async (method) => {
    const policy = running.app.get(ProbePolicy);
    const before = policy.open;
    const refused = await upgrade('/p/room/socket', key.headers, method);
    expect([refused.status, JSON.parse(refused.body).code]).toEqual([404, 'route_not_found']);
    expect(policy.open).toBe(before);
  });

  test('no offered subprotocol is chosen: it may hold a token', async () => {
    const lines = await new Promise<string>((resolve) => {
      const socket = connect(running.port, '127.0.0.1', () =>
        socket.write(
          `GET /p/room/socket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: bearer, my-token\r\nAuthorization: ${key.headers.Authorization}\r\n\r\n`,
        ),
      );
      socket.once('data', (data) => {
        resolve(data.toString());
        socket.destroy();
      });
    });
    expect(lines).toMatch(/^HTTP\/1\.1 101 /);
    expect(lines).not.toMatch(/sec-websocket-protocol/i);
  });

  test('a peer that goes while it is authorised leaves nothing behind', async () => {
    const policy = running.app.get(ProbePolicy);
    const before = policy.open;
    for (let i = 0; i < 20; i++) {
      const socket = connect(running.port, '127.0.0.1', () => {
        socket.write(
          `GET /p/room/socket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nAuthorization: ${key.headers.Authorization}\r\n\r\n`,
          () => socket.resetAndDestroy(),
        );
      });
      socket.on('error', () => undefined);
      await new Promise((resolve) => socket.once('close', resolve));
    }
    await waitFor('all slots to be free', () => policy.open === before);
  });

  test("a policy's refusal is passed on", async () => {
    const refused = await upgrade('/p/full/socket', key.headers);
    expect([refused.status, refused.headers['retry-after'], refused.body]).toEqual([429, '7', '{"full":true}']);
  });

  test('an offered upgrade to something else is ignored: the request is served with its body', async () => {
    const answer = await new Promise<string>((resolve) => {
      const body = '{"a":1}';
      const socket = connect(running.port, '127.0.0.1', () =>
        socket.write(
          `POST /p/nobody HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\nAuthorization: ${key.headers.Authorization}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
        ),
      );
      socket.on('data', (data) => {
        resolve(data.toString());
        socket.destroy();
      });
    });
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
  });
});

describe('frames', () => {
  test('are dispatched on the discriminator; parameters are decoded', async () => {
    const client = await open('/p/r%C3%A9/socket');
    client.socket.send('{"action":"echo","value":1}');
    await waitFor('the reply', () => client.frames.length === 1);
    expect(client.frames).toEqual([{ id: 'ré', value: 1 }]);
    client.socket.close();
  });

  test('are answered in order, slow handlers too', async () => {
    const client = await open();
    for (let i = 0; i < 200; i++) client.socket.send(JSON.stringify({ action: i % 7 === 0 ? 'slow' : 'echo', value: i }));
    await waitFor('all replies', () => client.frames.length === 200);
    expect(client.frames.map((frame) => frame['value'])).toEqual(Array.from({ length: 200 }, (_, i) => i));
    client.socket.close();
  });

  test.each([
    ['{', 'not_json'],
    ['', 'empty'],
    ['[]', 'not_object'],
    ['{"action":5}', 'no_name'],
    ['{"action":"__proto__"}', 'unknown'],
    ['{"action":"constructor"}', 'unknown'],
    ['['.repeat(900), 'too_deep'],
    ['{"action":"refused"}', 'failed'],
    ['{"action":"echo","value":{"id":1090123456789012345}}', 'failed'],
  ])('%#: a bad frame gets one error and the socket stays usable', async (text, error) => {
    const client = await open();
    client.socket.send(text);
    client.socket.send('{"action":"echo","value":2}');
    await waitFor('both replies', () => client.frames.length === 2);
    expect(client.frames).toEqual([{ error }, { id: 'room', value: 2 }]);
    client.socket.close();
  });

  test('binary gets one error', async () => {
    const client = await open();
    client.socket.send(Buffer.from([1, 2, 3]));
    await waitFor('the reply', () => client.frames.length === 1);
    expect(client.frames).toEqual([{ error: 'binary' }]);
    client.socket.close();
  });

  test('a byte-order mark before a frame is ignored', async () => {
    const client = await open();
    client.socket.send('\uFEFF{"action":"echo","value":3}');
    await waitFor('the reply', () => client.frames.length === 1);
    expect(client.frames).toEqual([{ id: 'room', value: 3 }]);
    client.socket.close();
  });

  test('too many bad frames close 1008, too large ones 1009', async () => {
    const noisy = await open();
    for (let i = 0; i < 20; i++) noisy.socket.send('x');
    expect((await noisy.closed).code).toBe(1008);
    const large = await open();
    large.socket.send('x'.repeat(2000));
    expect((await large.closed).code).toBe(1009);
  });
});

describe('with AUTH_MODE=off', () => {
  test('a socket of a foreign page, or through a name of a foreign page, is refused', async () => {
    const local = await fleet.boot({ AUTH_MODE: 'off' });
    const opens = (headers: Record<string, string>) =>
      new Promise<number | undefined>((resolve) => {
        const socket = new WebSocket(`${local.url.replace('http', 'ws')}/p/x/socket`, { headers });
        socket.once('open', () => (socket.close(), resolve(101)));
        socket.once('unexpected-response', (_request, response) => resolve(response.statusCode));
        socket.once('error', () => undefined);
      });
    expect(await opens({})).toBe(101);
    expect(await opens({ Origin: local.url })).toBe(101);
    expect(await opens({ Origin: 'http://evil.example' })).toBe(403);
    expect(await opens({ Host: 'evil.example' })).toBe(403);
  });
});

describe('liveness', () => {
  test('a silent peer is closed 4408, one that answers pings stays', async () => {
    const alive = await open();
    const silent = await open('/p/silent/socket', { autoPong: false });
    expect((await silent.closed).code).toBe(4408);
    expect(alive.socket.readyState).toBe(WebSocket.OPEN);
    alive.socket.close();
    const policy = running.app.get(ProbePolicy);
    await waitFor('the release', () => policy.released.includes('silent'));
    expect(policy.released.filter((id) => id === 'silent')).toHaveLength(1);
  });

  test('closing the app closes sockets 1012 and ends', async () => {
    const other = await fleet.boot();
    const socket = new WebSocket(`${other.url.replace('http', 'ws')}/p/x/socket`, { headers: key.headers });
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    const closed = new Promise((resolve) => socket.on('close', (code, reason) => resolve([code, reason.toString()])));
    await fleet.stop(other);
    expect(await closed).toEqual([1012, 'restart']);
  });
});
