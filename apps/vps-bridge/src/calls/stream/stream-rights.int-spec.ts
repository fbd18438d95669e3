import type { RunningApp } from '@agentfleet/platform';
import { changeCredential, LOST_CREDENTIALS, waitFor, type CredentialChange } from '@agentfleet/testing';
import { TwoBridges } from '../../app-specs/two-bridges.fixture';

let two: TwoBridges;
let withBus: RunningApp;
let withoutBus: RunningApp;
beforeAll(async () => {
  two = await TwoBridges.start();
  withBus = two.replicas[0]!;
  withoutBus = await two.bootWithoutBus();
});
afterAll(() => two.stop());

const CASES: readonly CredentialChange[] = [
  ...LOST_CREDENTIALS,
  { what: 'key that may not call any more', who: 'key', set: () => ({ scopes: ['vps:read'] }), notice: 'key.changed' },
  { what: 'user demoted', who: 'user', set: () => ({ roles: ['organization.viewer'] }), notice: 'user.revoked' },
];

async function credential(who: CredentialChange['who']): Promise<{ id: string; headers: Record<string, string> }> {
  const { id, headers } = who === 'key' ? await two.identity.apiKey({ scopes: ['vps:call', 'vps:read'] }) : await two.identity.user({ roles: ['organization.editor'] });
  return { id, headers: { ...headers } };
}

interface OpenCall {
  readonly sessionId: string;
  readonly hasEnded: () => boolean;
  readonly isAgentLeft: () => boolean;
  readonly leave: () => void;
}

/** A streamed call whose agent has begun to speak and does not end. */
async function openCall({ url }: RunningApp, headers: Record<string, string>): Promise<OpenCall> {
  let isAgentLeft = false;
  const { name } = await two.agentWith({ streaming: true, max_retries: 1 }, (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: {"type":"content_block_delta","delta":{"type":"text_delta","text":"begun"}}\n\n');
    response.on('close', () => (isAgentLeft = true));
  });
  const sessionId = two.unique('live');
  const abort = new AbortController();
  const response = await fetch(`${url}/api/vps/call/stream`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify({ agent_name: name, prompt: 'speak', session_id: sessionId }),
    signal: abort.signal,
  });
  expect(response.status).toBe(200);
  let text = '';
  let hasEnded = false;
  const read = async () => {
    for await (const chunk of response.body!) text += Buffer.from(chunk).toString();
  };
  void read().catch(() => undefined).finally(() => (hasEnded = true));
  await waitFor('the first text', () => text.includes('begun'));
  return { sessionId, hasEnded: () => hasEnded, isAgentLeft: () => isAgentLeft, leave: () => abort.abort() };
}

describe.each(CASES)('the streamed call of a $what', (change) => {
  it.each(['at once by the notice', 'without Redis with the next sweep'])('is cut off %s, and its agent is left', async (way) => {
    const replica = way.startsWith('at once') ? withBus : withoutBus;
    const [mine, neighbour] = [await credential(change.who), await credential(change.who)];
    const [call, other] = [await openCall(replica, mine.headers), await openCall(replica, neighbour.headers)];
    const notice = await changeCredential(two.database.db, change, mine.id);
    if (replica === withoutBus) await replica.services.live.sweep();
    else replica.services.bus.notify(change.notice, notice);
    await waitFor('the end', () => call.hasEnded() && call.isAgentLeft(), { timeoutMs: 2000 });
    expect([other.hasEnded(), other.isAgentLeft()]).toEqual([false, false]);
    other.leave();
    const record = await waitFor('the end in the record', async () => {
      const { body } = await two.one.get(`/api/vps/calls?session_id=${call.sessionId}`);
      return (body['calls'] as { success: boolean | null; error_code: string }[]).find(({ success }) => success !== null);
    });
    expect(record).toMatchObject({ success: false, error_code: 'client_left' });
  });
});

it.each([() => withBus, () => withoutBus])('the streamed call of a credential that is over by itself is cut off', async (replica) => {
  const user = await two.identity.user({ roles: ['organization.editor'] });
  const token = await two.identity.sign({ iss: 'aiwm', aud: 'user', sub: user.id, tokenVersion: 1, exp: Math.ceil(Date.now() / 1000) + 2 });
  const key = await two.identity.apiKey({ scopes: ['vps:call'], expiresAt: new Date(Date.now() + 2000) });
  const calls = [await openCall(replica(), { Authorization: `Bearer ${token}` }), await openCall(replica(), { ...key.headers })];
  expect(calls.map((call) => call.hasEnded())).toEqual([false, false]);
  await waitFor('the ends', () => calls.every((call) => call.hasEnded() && call.isAgentLeft()), { timeoutMs: 6000 });
});
