import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { bootApp, type RunningApp } from '@agentfleet/platform';
import { bootReplicas, waitFor, type Replicas } from '@agentfleet/testing';
import { vpsBridgeApp } from '../app';
import { BridgeCaller, deadPort } from './bridge.fixture';

let fleet: Replicas<typeof vpsBridgeApp, RunningApp>;
let bridge: BridgeCaller;
const servers: Server[] = [];
const lines: string[] = [];
const KEY = 'a-static-key-of-the-bridge';

beforeAll(async () => {
  fleet = await bootReplicas((definition, { env }) => bootApp(definition, { env, logDestination: { write: (line: string) => void lines.push(line) } }), vpsBridgeApp, 1, {
    BRIDGE_API_KEY: KEY, LOG_LEVEL: 'info', VPS_BACKOFF_BASE_MS: '5', VPS_BACKOFF_MAX_MS: '10', VPS_CIRCUIT_FAILURES: '100',
  });
  bridge = new BridgeCaller(fleet.first.url, { 'X-API-Key': KEY });
});
afterAll(async () => {
  for (const server of servers) server.close();
  await fleet.close();
});

async function port(talk: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    talk(socket);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port; // a TCP server's address is never a string
}

const KINDS: readonly [kind: string, cause: string, port: () => Promise<number>, over?: object][] = [
  ['port-closed', 'refused', deadPort],
  ['port-breaks', 'reset', () => port((socket) => void socket.destroy())],
  ['breaks-later', 'reset', () => port((socket) => void socket.once('data', () => socket.resetAndDestroy()))],
  ['speaks-ssh', 'bad_http', () => port((socket) => void socket.end('SSH-2.0-OpenSSH_9.6\r\n'))],
  ['by-name', 'bad_http', () => port((socket) => void socket.end('220 mail ESMTP\r\n')), { host: 'localhost' }],
  ['https-to-ssh', 'tls', () => port((socket) => void socket.once('data', () => socket.end('SSH-2.0-OpenSSH_9.6\r\n'))), { protocol: 'https' }],
  ['https-to-nothing', 'refused', deadPort, { protocol: 'https' }],
];

/** All that an answer says but for names, ids and times. */
function said(value: unknown, name: string): unknown {
  const text = JSON.stringify(value).replaceAll(name, 'NAME').replaceAll(/call_[a-z0-9]+/g, 'CALL');
  return JSON.parse(text.replaceAll(/"(latency_ms|at|last_error_at|created_at|started_at|finished_at)":("[^"]*"|[0-9.]+)/g, '"$1":null'));
}

it('callers are not told which ports of this machine are open; the log knows', async () => {
  const answers = await Promise.all(
    KINDS.map(async ([name, cause, open, over]) => {
      expect((await bridge.register(name, await open(), over)).status).toBe(201);
      const call = (await bridge.call(name)).body;
      const streamed = await bridge.ask('POST', '/api/vps/call/stream', { body: { agent_name: name, prompt: 'p' } });
      const text = streamed.text.replaceAll(/"latency_ms":[0-9.]+/g, '');
      const record = await waitFor('the record', async () => {
        const { status, body } = await bridge.get(`/api/vps/calls/${String(call['call_id'])}`);
        return status === 200 && body['status'] === 'failed' ? body : null;
      });
      const health = (await bridge.get(`/api/vps/health/${name}`)).body;
      const line = await waitFor('the line in the log', () => lines.find((one) => one.includes(`"${name}:3:${cause}"`)));
      expect(line).toContain(String(call['call_id']));
      return said({ call, record, health, text }, name);
    }),
  );
  for (const answer of answers) expect(answer).toEqual(answers[0]);
  expect(answers[0]).toMatchObject({ call: { error_type: 'CONNECTION', error_code: 'refused', attempts: [{ tries: 3 }] }, health: { last_error_type: 'CONNECTION', consecutive_failures: 2 } });
});
