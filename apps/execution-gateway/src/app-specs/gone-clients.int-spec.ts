import { connect } from 'node:net';
import { DEFAULT_ORGANIZATION_ID } from '@agentfleet/contracts';
import { waitFor } from '@agentfleet/testing';
import { ask, newSession, TestGateway } from './gateway.fixture';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await TestGateway.create();
});
afterAll(() => gateway.close());

it('a client that is gone while its credentials are looked up is no watcher', async () => {
  const replica = await gateway.boot();
  const session = await newSession(replica);
  const identity = gateway.identity;
  const watchers = async () => /^gateway_watchers\{transport="sse"\} (\d+)$/m.exec((await ask(replica, 'GET', '/metrics')).text)?.[1] ?? '0';
  for (let i = 0; i < 20; i++) {
    const { key } = await identity.apiKey({ orgId: DEFAULT_ORGANIZATION_ID, scopes: ['sessions:read'] });
    const socket = connect(replica.port, '127.0.0.1', () => {
      socket.write(`GET /sessions/${session}/events/stream HTTP/1.1\r\nHost: x\r\nX-API-Key: ${key}\r\n\r\n`, () => setTimeout(() => socket.resetAndDestroy(), i / 4));
    });
    socket.on('error', () => undefined);
    await new Promise((resolve) => socket.once('close', resolve));
  }
  await waitFor('no watcher to be left', async () => (await watchers()) === '0');
});
