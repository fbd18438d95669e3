import type { ServerResponse } from 'node:http';
import type { Transform } from 'node:stream';
import { constants, createBrotliCompress, createGzip } from 'node:zlib';
import { type ReceivedRequest, says, waitFor } from '@agentfleet/testing';
import { BridgeCaller } from './bridge.fixture';
import { BridgeProcess } from './bridge-process.fixture';
import { TwoBridges } from './two-bridges.fixture';

let two: TwoBridges;
const processes: BridgeProcess[] = [];
const KEY = 'a-static-key-of-the-bridge';

beforeAll(async () => {
  two = await TwoBridges.start();
});
afterAll(async () => {
  await Promise.all(processes.map((one) => one.kill()));
  await two.stop();
});

async function bridgeProcess(over: Readonly<Record<string, string>> = {}): Promise<{ bridge: BridgeProcess; caller: BridgeCaller }> {
  const bridge = await BridgeProcess.start({ ...two.database.env, BRIDGE_API_KEY: KEY, LOG_LEVEL: 'silent', ...over });
  processes.push(bridge);
  return { bridge, caller: new BridgeCaller(bridge.url, { 'X-API-Key': KEY }) };
}

it('kill -9: nothing acknowledged is lost, and nothing that was under way is sent again', async () => {
  const { bridge, caller } = await bridgeProcess({ VPS_ASYNC_CONCURRENCY: '1' });
  const silent: ServerResponse[] = [];
  const backup = await two.agent(says('never asked'));
  const shown: unknown[] = []; // what another replica shows while the agent is being asked
  const hanging = await two.agentWith({ fallback_agents: [backup.name, 'not-registered'] }, (_request, response) => {
    void two.one.get('/api/vps/sessions/lost').then(({ body }) => shown.push(body), () => shown.push(null));
    silent.push(response);
  });
  const chain = [hanging.name, backup.name, 'not-registered'];
  const good = await two.agent(says('done'));
  const send = (path: string, agentName: string, from: BridgeCaller, headers = {}) =>
    from.ask('POST', `/api/vps/${path}`, { body: { agent_name: agentName, prompt: 'p', session_id: `of ${agentName}` }, headers });
  await caller.register('made-before', 80);
  expect((await send('call', good.name, caller)).body['success']).toBe(true);
  const running = (await send('call/async', hanging.name, caller)).body['call_id'];
  await waitFor('the asynchronous call to be under way', () => silent.length === 1);
  const queued = (await send('call/async', good.name, caller)).body['call_id'];
  const key = { 'Idempotency-Key': 'killed' };
  const keyedBody = { agent_name: hanging.name, prompt: 'the prompt', session_id: 'lost', user_id: 'u', metadata: { a: 1, $where: 2 } };
  const keyed = (from: BridgeCaller) => from.ask('POST', '/api/vps/call', { body: keyedBody, headers: key });
  const lost = keyed(caller).catch(() => 'lost');
  await waitFor('the keyed call to be under way', () => shown.length === 2);
  const inSession = { user_id: 'u', messages: [{ role: 'user', content: 'the prompt' }], metadata: { a: 1, $where: 2 }, total_messages: 1 };
  expect(shown[1]).toMatchObject(inSession);
  const plainLost = send('call', hanging.name, caller).catch(() => 'lost');
  const plain = await waitFor('the record of the plain call under way', async () => {
    const { body } = await two.one.get(`/api/vps/calls?status=running&kind=sync`);
    const found = (body['calls'] as { session_id: string }[]).filter(({ session_id: id }) => id === `of ${hanging.name}`);
    return found.length === 1 ? found[0] : null;
  });
  expect(plain).toMatchObject({ kind: 'sync', success: null, agent_name: hanging.name, finished_at: null });
  await bridge.kill();
  expect(await Promise.all([lost, plainLost])).toEqual(['lost', 'lost']);
  const killedAt = performance.now();

  const again = await keyed(two.one);
  expect([again.status, again.body['code']]).toEqual([409, 'call_in_progress']);
  const view = async (callId: unknown) => (await two.one.get(`/api/vps/calls/${String(callId)}`)).body;
  const inTime = { timeoutMs: 20_000 - (performance.now() - killedAt) };
  await waitFor('the waiting call to be started elsewhere', async () => (await view(queued))['status'] === 'succeeded', inTime);
  await waitFor('the running call to be given up', async () => (await view(running))['status'] === 'failed', inTime);
  const replay = await waitFor('the keyed call to be given up', async () => {
    const answer = await keyed(two.other);
    return answer.status === 200 ? answer : null;
  });
  expect((await view(running))['result']).toMatchObject({ success: false, error_type: 'UNKNOWN', error_code: 'outcome_unknown', fallback_chain: chain });
  expect((await two.one.get(`/api/vps/sessions/${encodeURIComponent(`of ${hanging.name}`)}`)).body).toMatchObject({ messages: [{ role: 'user', content: 'p' }] });
  const plainId = (plain as { call_id?: unknown }).call_id;
  const plainView = await waitFor('the plain call to be given up', async () => {
    const found = await view(plainId);
    return found['status'] === 'failed' ? found : null;
  });
  expect(plainView).toMatchObject({ kind: 'sync', response_omitted: true, result: { error_code: 'outcome_unknown', fallback_chain: chain } });
  expect(plainView['result']).not.toHaveProperty('response');
  expect(replay.body).toMatchObject({ success: false, error_type: 'UNKNOWN', error_code: 'outcome_unknown', call_id: again.body['call_id'], fallback_chain: chain });
  expect((await two.one.get('/api/vps/sessions/lost')).body).toMatchObject(inSession);
  expect(replay.headers.get('idempotency-replayed')).toBe('true');
  expect([hanging.agent.requests.length, good.agent.requests.length]).toEqual([3, 2]);
  expect(backup.agent.requests).toHaveLength(0);
  expect((await two.one.get('/api/vps/agents/made-before')).status).toBe(200);
  expect((await two.one.get(`/api/vps/sessions/${encodeURIComponent(`of ${good.name}`)}`)).body).toMatchObject({ total_messages: 4, messages: [{ role: 'user' }, { role: 'assistant' }, { role: 'user' }, { role: 'assistant' }] });
  expect((await two.one.get(`/api/vps/health/${good.name}`)).body).toMatchObject({ total_requests: 2, total_failures: 0 });
}, 60_000);

const MIB = 1024 * 1024;
/** Sends bytes without end. */
const floods = (_request: ReceivedRequest, response: ServerResponse) => {
  response.writeHead(200, { 'content-type': 'application/json' });
  const piece = Buffer.alloc(MIB, 'x');
  const more = () => {
    while (!response.destroyed && response.write(piece));
  };
  response.on('drain', more);
  more();
};
/** Sends a gigabyte of spaces, packed. */
const packs = (encoding: string, packer: () => Transform) => (_request: ReceivedRequest, response: ServerResponse) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': encoding });
  const zip = packer();
  zip.pipe(response);
  response.on('close', () => zip.destroy());
  const piece = Buffer.alloc(MIB, ' ');
  let left = 1024;
  const more = () => {
    while (!zip.destroyed && left-- > 0) if (!zip.write(piece)) return void zip.once('drain', more);
    if (!zip.destroyed) zip.end();
  };
  more();
};
const quickBrotli = () => createBrotliCompress({ params: { [constants.BROTLI_PARAM_QUALITY]: 1 } });

it('thirty agents at once that answer with a gigabyte each cost the process their limits, and nobody else his answer', async () => {
  const { bridge, caller } = await bridgeProcess({ VPS_MAX_RESPONSE_BYTES: String(2 * MIB) });
  const good = await two.agent(says('still here'));
  const names = await Promise.all(
    [floods, packs('gzip', () => createGzip({ level: 1 })), packs('br', quickBrotli)].map(async (behaviour) => (await two.agentWith({ max_retries: 1, timeout_seconds: 120 }, behaviour)).name),
  );
  for (let n = 0; n < 20; n++) await caller.call(good.name); // warm
  const before = await bridge.rss();
  let most = before;
  let isOver = false;
  const watch = (async () => {
    while (!isOver) most = Math.max(most, await bridge.rss());
  })();
  const calls = Promise.all(Array.from({ length: 30 }, (_, n) => caller.call(names[n % names.length] ?? '', { deadline_seconds: 120 })));
  expect((await caller.call(good.name)).body).toMatchObject({ success: true, response: 'still here' });
  for (const { body } of await calls) expect(body).toMatchObject({ success: false, error_type: 'INVALID_RESPONSE', error_code: 'too_large' });
  isOver = true;
  await watch;
  expect(most - before).toBeLessThan(30 * 2 * 2 * MIB + 100 * MIB); // each limit twice, packed and unpacked
}, 150_000);
