import type { RunningApp } from '@agentfleet/platform';
import { changeCredential, LOST_CREDENTIALS, waitFor, type CredentialChange, type IdentityFixtures } from '@agentfleet/testing';
import { ask, Client, newSession, TestGateway } from './gateway.fixture';

let gateway: TestGateway;
let identity: IdentityFixtures;
let withBus: RunningApp;
let withoutBus: RunningApp;
let session: string;
beforeAll(async () => {
  gateway = await TestGateway.create({ GATEWAY_RATE_LIMIT_PER_SECOND: '0', LOG_LEVEL: 'silent' });
  identity = gateway.identity;
  [withBus, withoutBus] = [await gateway.boot(), await gateway.boot({ REDIS_URL: 'redis://127.0.0.1:1' })];
  await waitFor('the bus', () => withBus.services.bus.isUp);
  session = await newSession(withBus);
});
afterAll(() => gateway.close());

/** What becomes of a connection: it ends, or it goes on watching and may not execute any more. */
type Fate = 'ends' | 'only watches';

interface Case extends CredentialChange {
  readonly fate: Fate;
}

const CASES: readonly Case[] = [
  ...LOST_CREDENTIALS.map((change) => ({ ...change, fate: 'ends' as const })),
  { what: 'key that may not execute any more', who: 'key', set: () => ({ scopes: ['sessions:read'] }), notice: 'key.changed', fate: 'only watches' },
  { what: 'key that may not read any more', who: 'key', set: () => ({ scopes: ['sessions:execute'] }), notice: 'key.changed', fate: 'ends' },
  { what: 'user demoted', who: 'user', set: () => ({ roles: ['organization.viewer'] }), notice: 'user.revoked', fate: 'only watches' },
];

async function credential(who: Case['who']): Promise<{ id: string; headers: Record<string, string> }> {
  const { id, headers } = who === 'key' ? await identity.apiKey({ scopes: ['sessions:read', 'sessions:execute'] }) : await identity.user({ roles: ['organization.editor'] });
  return { id, headers: { ...headers } };
}

interface Connection {
  readonly hasEnded: () => boolean;
  /** Asserts that it ended as the contract says. */
  readonly expectEnd: () => void;
  readonly mayExecute: () => Promise<boolean>;
  readonly leave: () => void;
}

async function overSocket(replica: RunningApp, headers: Record<string, string>): Promise<Connection> {
  const client = await Client.open(replica, session, headers);
  return {
    hasEnded: () => client.closed !== null,
    expectEnd: () => expect(client.closed).toEqual({ code: 1008, reason: 'credential revoked' }),
    mayExecute: async () => {
      const before = client.received.length;
      client.send({ action: 'cancel' }); // without a run it does nothing, for those who may
      const answer = await waitFor('an answer', () => client.received[before]);
      return answer.frame.data['code'] !== 'forbidden';
    },
    leave: () => client.close(),
  };
}

async function overEvents(replica: RunningApp, headers: Record<string, string>): Promise<Connection> {
  const abort = new AbortController();
  const response = await fetch(`${replica.url}/sessions/${session}/events/stream`, { headers, signal: abort.signal });
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8']);
  let ended = false;
  void response.text().then(
    () => (ended = true),
    () => undefined,
  );
  return {
    hasEnded: () => ended,
    expectEnd: () => undefined,
    mayExecute: async () => (await ask(replica, 'POST', `/sessions/${session}/cancel`, {}, { 'x-api-key': '', ...headers })).status === 200,
    leave: () => abort.abort(),
  };
}

describe.each([['socket', overSocket], ['event stream', overEvents]] as const)('a %s', (_kind, open) => {
  describe.each(CASES)('$what', ({ fate, ...change }) => {
    it.each(['at once by the notice', 'without Redis with the next sweep'])('%s', async (way) => {
      const replica = way.startsWith('at once') ? withBus : withoutBus;
      const [mine, neighbour] = [await credential(change.who), await credential(change.who)];
      const [connection, other] = [await open(replica, mine.headers), await open(replica, neighbour.headers)];
      expect(await connection.mayExecute()).toBe(true);
      const notice = await changeCredential(gateway.database.db, change, mine.id);
      if (replica === withoutBus) await replica.services.live.sweep();
      else replica.services.bus.notify(change.notice, notice);
      if (fate === 'ends') {
        await waitFor('the end', connection.hasEnded, { timeoutMs: 2000 });
        connection.expectEnd();
      } else {
        await waitFor('the loss', async () => !(await connection.mayExecute()), { timeoutMs: 2000 });
        expect(connection.hasEnded()).toBe(false);
      }
      expect(other.hasEnded()).toBe(false);
      expect(await other.mayExecute()).toBe(true);
      connection.leave();
      other.leave();
    });
  });

  it.each([() => withBus, () => withoutBus])('of a token that is over ends by itself', async (replica) => {
    const user = await identity.user({ roles: ['organization.editor'] });
    const token = await identity.sign({ iss: 'aiwm', aud: 'user', sub: user.id, tokenVersion: 1, exp: Math.ceil(Date.now() / 1000) + 2 });
    const connection = await open(replica(), { Authorization: `Bearer ${token}` });
    expect(connection.hasEnded()).toBe(false);
    await waitFor('the end', connection.hasEnded, { timeoutMs: 6000 });
    connection.expectEnd();
  });
});

it('no watcher is left of streams that ended, and none begins with a HEAD', async () => {
  expect((await ask(withBus, 'HEAD', `/sessions/${session}/events/stream`)).status).toBe(200);
  await waitFor('the last watcher', async () => /^gateway_watchers\{transport="sse"\} 0$/m.test((await ask(withBus, 'GET', '/metrics')).text));
});
