import { gzipSync } from 'node:zlib';
import { bytes, FakeAgent, json, says, waitFor, type IdentityFixtures } from '@agentfleet/testing';
import { deadPort, type BridgeCaller } from './bridge.fixture';
import { TwoBridges } from './two-bridges.fixture';

let two: TwoBridges;
let identity: IdentityFixtures;
let bridge: BridgeCaller;
let other: BridgeCaller;

beforeAll(async () => {
  two = await TwoBridges.start({ VPS_MAX_RESPONSE_BYTES: '20000' });
  ({ identity, one: bridge, other } = two);
});
afterAll(() => two.stop());

/** A second, and what a busy machine adds to it. */
const SOON = { timeoutMs: 1500 };
const health = async (name: string, from = bridge): Promise<Record<string, unknown>> => (await from.get(`/api/vps/health/${name}`)).body;

describe('first light', () => {
  it('registers an agent, calls it, and shows session and health', async () => {
    const agent = await two.fakeAgent(says('Here is your plan'));
    const name = two.unique('pm');
    const answer = await bridge.register(name, agent.port, { auth_token: 'tok-SECRET', fallback_agents: ['x', name, 'x'] });
    expect(answer.status).toBe(201);
    expect(answer.body).toEqual({ status: 'registered', agent_name: name, url: `http://127.0.0.1:${agent.port}`, created: true, fallback_agents: ['x'] });

    const sessionId = two.unique('sess/ü ?$😀');
    const call = await bridge.call(name, { session_id: sessionId, user_id: 'user-1', metadata: { $where: 1, 'a.b': [null], '': { $ref: 'x', $id: 'y' } } });
    expect(call.status).toBe(200);
    expect(call.body).toMatchObject({
      success: true,
      agent_name: name,
      response: 'Here is your plan',
      error: null,
      error_type: null,
      error_code: null,
      fallback_chain: [name, 'x'],
      retried: false,
      retry_count: 0,
      session_id: sessionId,
      retry_after_seconds: null,
      attempts: [{ agent: name, tries: 1, error_type: null, error_code: null, status_code: 200, error: null, skipped: null, forced: false }],
    });
    expect(call.body['call_id']).toMatch(/^[A-Za-z0-9_]{6,64}$/);

    const [received] = agent.requests;
    expect(received?.path).toBe('/v1/messages');
    expect(received?.body).toEqual({ model: name, messages: [{ role: 'user', content: 'Plan a 3-phase project' }], session_id: sessionId });
    expect(received?.headers).toMatchObject({
      'content-type': 'application/json',
      authorization: 'Bearer tok-SECRET',
      'idempotency-key': call.body['call_id'],
      'x-correlation-id': call.headers.get('x-correlation-id'),
    });
    expect(received?.headers['content-length']).toBe(String(Buffer.byteLength(JSON.stringify(received?.body))));
    expect(received?.headers['x-api-key']).toBeUndefined();

    const session = await other.get(`/api/vps/sessions/${encodeURIComponent(sessionId)}`);
    expect(session.status).toBe(200);
    expect(session.headers.get('content-type')).toMatch(/^application\/json/);
    expect(session.body).toMatchObject({
      session_id: sessionId,
      user_id: 'user-1',
      metadata: { $where: 1, 'a.b': [null], '': { $ref: 'x', $id: 'y' } },
      total_messages: 2,
      messages: [
        { role: 'user', content: 'Plan a 3-phase project', agent: '' },
        { role: 'assistant', content: 'Here is your plan', agent: name },
      ],
    });
    expect(await health(name)).toMatchObject({ agent_name: name, status: 'healthy', success_rate: 100, total_requests: 1, last_error: null, last_probe: null });
    await waitFor('the other replica to show it', async () => (await health(name, other))['total_requests'] === 1, SOON);
    expect(JSON.stringify(await two.database.db.collection('vps_agents').findOne({ name }))).not.toContain('tok-SECRET');
  });

  it('lists agents without tokens, in full without the token, and forgets them', async () => {
    const agent = await two.fakeAgent();
    const name = await two.registered(agent, { auth_token: 'tok-SECRET', retry_on: ['503'], model: 'm', api: 'openai' });
    const list = (await bridge.get('/api/vps/agents')).body as { total: number; agents: { name: string }[] };
    expect(list.total).toBe(list.agents.length);
    expect(list.agents.find((one) => one.name === name)).toEqual({ name, host: '127.0.0.1', port: agent.port, protocol: 'http', url: `http://127.0.0.1:${agent.port}` });
    expect(list.agents.map((one) => one.name)).toEqual([...list.agents.map((one) => one.name)].sort());
    const view = await bridge.get(`/api/vps/agents/${name}`);
    expect(view.body).toMatchObject({ has_auth_token: true, retry_on: ['503'], fallback_on: null, model: 'm', api: 'openai', timeout_seconds: 30, max_retries: 3, cluster_id: null });
    expect(JSON.stringify(view.body)).not.toContain('tok-SECRET');
    const gone = await bridge.ask('DELETE', `/api/vps/agents/${name}`, { raw: '', type: 'application/json' });
    expect([gone.status, gone.body]).toEqual([204, {}]);
    expect((await bridge.ask('DELETE', `/api/vps/agents/${name}`)).status).toBe(404);
    expect((await bridge.get(`/api/vps/health/${name}`)).status).toBe(404);
    expect((await bridge.call(name)).body).toMatchObject({ success: false, error_code: 'not_registered' });
  });

  it('speaks the other dialect, reads every form of text and unpacks answers', async () => {
    const agent = await two.fakeAgent(json(200, { choices: [{ message: { content: [{ type: 'text', text: 'a' }, { type: 'image' }, { type: 'text', text: 'b' }] } }] }));
    const name = await two.registered(agent, { api: 'openai', model: 'gpt' });
    expect((await bridge.call(name, { session_id: 'openai sess' })).body['response']).toBe('ab');
    expect(agent.requests[0]?.path).toBe('/v1/chat/completions');
    expect(agent.requests[0]?.headers['x-session-id']).toBe('openai%20sess');
    expect(agent.requests[0]?.body).not.toHaveProperty('session_id');

    const plain = await two.fakeAgent(json(200, { message: '' }), bytes(200, gzipSync(JSON.stringify({ content: 'zipped' })), { 'content-encoding': 'gzip' }));
    const second = await two.registered(plain);
    expect((await bridge.call(second)).body).toMatchObject({ success: true, response: '' });
    expect((await bridge.call(second)).body).toMatchObject({ success: true, response: 'zipped' });
  });

  it('sends the history only when asked to', async () => {
    const agent = await two.fakeAgent(says('one'), says('two'), says('three'));
    const name = await two.registered(agent);
    const sessionId = two.unique('history');
    await bridge.call(name, { session_id: sessionId, prompt: 'first' });
    await bridge.call(name, { session_id: sessionId, prompt: 'second' });
    await other.call(name, { session_id: sessionId, prompt: 'third', include_history: true });
    expect(agent.requests[1]?.body['messages']).toEqual([{ role: 'user', content: 'second' }]);
    expect(agent.requests[2]?.body['messages']).toEqual([
      { role: 'user', content: 'first' },
      { role: 'assistant', content: 'one' },
      { role: 'user', content: 'second' },
      { role: 'assistant', content: 'two' },
      { role: 'user', content: 'third' },
    ]);
  });
});

describe('retries and the chain', () => {
  it('repeats what is worth repeating, and counts the call once', async () => {
    const agent = await two.fakeAgent(json(503, {}), json(500, {}), says('at last'));
    const name = await two.registered(agent);
    expect((await bridge.call(name)).body).toMatchObject({ success: true, response: 'at last', retried: false, attempts: [{ tries: 3, status_code: 200 }] });
    expect(await health(name)).toMatchObject({ total_requests: 1, total_failures: 0 });
    const keys = new Set(agent.requests.map(({ headers }) => headers['idempotency-key']));
    expect(keys.size).toBe(1);
  });

  it('falls back along the chain, past names that nobody registered', async () => {
    const bad = await two.fakeAgent(json(401, { token: 'tok-ECHO' }));
    const good = await two.fakeAgent(says('from the second'));
    const second = await two.registered(good);
    const first = await two.registered(bad, { fallback_agents: ['nobody', second] });
    const { body } = await bridge.call(first);
    expect(body).toMatchObject({
      success: true,
      agent_name: second,
      fallback_chain: [first, 'nobody', second],
      retried: true,
      retry_count: 1,
      attempts: [
        { agent: first, tries: 1, error_type: 'UNKNOWN', error_code: 'http_401', status_code: 401, error: 'Agent answered with HTTP status 401' },
        { agent: 'nobody', tries: 0, skipped: 'not_registered' },
        { agent: second, tries: 1, error_type: null },
      ],
    });
    expect(good.requests[0]?.body['model']).toBe(second);
    expect(JSON.stringify([body, await health(first)])).not.toContain('tok-ECHO');
  });

  it('stops where fallback_on does not match', async () => {
    const bad = await two.fakeAgent(json(400, {}));
    const good = await two.fakeAgent();
    const first = await two.registered(bad, { fallback_on: ['CONNECTION', '5xx'], fallback_agents: [await two.registered(good)] });
    expect((await bridge.call(first)).body).toMatchObject({ success: false, error_code: 'http_400', agent_name: first, attempts: [{ agent: first }] });
    expect(good.requests).toHaveLength(0);
    expect(await health(first)).toMatchObject({ total_requests: 0, status: 'healthy' }); // the request's own fault
  });

  it.each<[string, Parameters<typeof FakeAgent.start>, string, string]>([
    ['text that is no JSON', [bytes(200, 'hello')], 'INVALID_RESPONSE', 'not_json'],
    ['an empty answer', [bytes(200, '')], 'INVALID_RESPONSE', 'not_json'],
    ['bytes that are no UTF-8', [bytes(200, Buffer.from([0x22, 0xff, 0x22]))], 'INVALID_RESPONSE', 'not_json'],
    ['a list', [bytes(200, '[]')], 'INVALID_RESPONSE', 'not_json'],
    ['no text', [json(200, { content: [] })], 'INVALID_RESPONSE', 'no_text'],
    ['null content beside a message', [json(200, { content: null, message: 'x' })], 'INVALID_RESPONSE', 'no_text'],
    ['a redirect', [json(302, {}, { location: 'http://127.0.0.1:1/' })], 'INVALID_RESPONSE', 'redirect'],
    ['too much', [json(200, { content: 'x'.repeat(30_000) })], 'INVALID_RESPONSE', 'too_large'],
    ['a bomb', [bytes(200, gzipSync(JSON.stringify({ content: 'x'.repeat(5_000_000) })), { 'content-encoding': 'gzip' })], 'INVALID_RESPONSE', 'too_large'],
    ['broken gzip', [bytes(200, 'not gzip', { 'content-encoding': 'gzip' })], 'INVALID_RESPONSE', 'bad_encoding'],
    ['an unknown encoding', [bytes(200, 'x', { 'content-encoding': 'zstd-9' })], 'INVALID_RESPONSE', 'bad_encoding'],
    ['half an answer', [(_request, response) => void response.writeHead(200, { 'content-length': '100' }).write('{"content":', () => response.destroy())], 'INVALID_RESPONSE', 'cut_off'],
    ['half a chunked answer', [(_request, response) => void response.writeHead(200, { connection: 'close' }).write('{"content":', () => response.socket?.end())], 'INVALID_RESPONSE', 'cut_off'],
    ['no answer at all', [(_request, response) => void response.destroy()], 'CONNECTION', 'refused'],
    ['no HTTP', [(_request, response) => void response.socket?.end('SSH-2.0-OpenSSH\r\n')], 'CONNECTION', 'refused'],
    ['a huge header', [json(200, { content: 'x' }, { 'x-huge': 'y'.repeat(20_000) })], 'INVALID_RESPONSE', 'too_large'],
    ['429', [json(429, {})], 'RATE_LIMIT', 'http_429'],
  ])('an agent that answers with %s', async (_name, behaviours, type, code) => {
    const agent = await two.fakeAgent(...behaviours);
    const name = await two.registered(agent, { max_retries: 1 });
    expect((await bridge.call(name)).body).toMatchObject({ success: false, response: null, error_type: type, error_code: code, attempts: [{ tries: 1 }] });
  });

  it('an agent that is not there', async () => {
    const name = two.unique('dead');
    await bridge.register(name, await deadPort(), { max_retries: 2 });
    const { body } = await bridge.call(name);
    expect(body).toMatchObject({ success: false, error_type: 'CONNECTION', error_code: 'refused', attempts: [{ tries: 2 }] });
    expect(body['error']).toBe('All agents failed. Last error: The agent refused the connection, broke it off, or does not speak the protocol it is registered with (the log of the bridge says which)');
    expect(JSON.stringify(await health(name))).not.toContain('127.0.0.1');
  });

  it('a name that does not resolve', async () => {
    const name = two.unique('nowhere');
    await bridge.register(name, 80, { host: 'no-such-host.invalid', max_retries: 1 });
    expect((await bridge.call(name)).body).toMatchObject({ error_type: 'CONNECTION', error_code: 'dns' });
  });

  it('a dripping agent ends on time; the deadline of the call is neutral for the agent', async () => {
    const drip = await two.fakeAgent((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const timer = setInterval(() => response.write(' '), 50);
      response.on('close', () => clearInterval(timer));
    });
    const name = await two.registered(drip, { timeout_seconds: 1, max_retries: 1 });
    expect((await bridge.call(name)).body).toMatchObject({ error_type: 'TIMEOUT', error_code: 'timeout', attempts: [{ status_code: 200 }] });
    expect(await health(name)).toMatchObject({ total_requests: 1, consecutive_failures: 1 });
    const patient = await two.registered(drip, { timeout_seconds: 60 });
    const { body } = await bridge.call(patient, { deadline_seconds: 1 });
    expect(body).toMatchObject({ error_type: 'TIMEOUT', error_code: 'deadline_exceeded', attempts: [{ tries: 1 }] });
    expect(body['latency_ms']).toBeLessThan(2000);
    expect(await health(patient)).toMatchObject({ total_requests: 0 });
  });

  it('waits as long as Retry-After asks, and goes on at once when that is too long', async () => {
    const polite = await two.fakeAgent(json(429, {}, { 'retry-after': '1' }), says('ok'));
    const name = await two.registered(polite);
    const waited = await bridge.call(name);
    expect(waited.body).toMatchObject({ success: true, attempts: [{ tries: 2 }] });
    expect(waited.body['latency_ms']).toBeGreaterThanOrEqual(1000);
    const busy = await two.fakeAgent(json(429, {}, { 'retry-after': '3600' }));
    const second = await two.registered(busy);
    expect((await bridge.call(second)).body).toMatchObject({ success: false, error_type: 'RATE_LIMIT', attempts: [{ tries: 1 }], retry_after_seconds: 1 });
    expect(await health(second)).toMatchObject({ circuit: { state: 'open' }, total_failures: 1 });
  });
});

describe('health and circuits over two replicas', () => {
  it('60 parallel failing calls on two replicas are exactly 60/60/60', async () => {
    const agent = await two.fakeAgent(json(500, {}));
    const name = await two.registered(agent, { max_retries: 1 });
    await Promise.all(Array.from({ length: 60 }, (_, n) => (n % 2 === 0 ? bridge : other).call(name)));
    const counted = await waitFor('both replicas to have written', async () => ((await health(name))['total_requests'] === 60 ? health(name) : null), SOON);
    expect(counted).toMatchObject({ total_requests: 60, total_failures: 60, consecutive_failures: 60, status: 'unhealthy', success_rate: 0 });
  });

  it('60 parallel successes are exactly 60', async () => {
    const agent = await two.fakeAgent();
    const name = await two.registered(agent);
    await Promise.all(Array.from({ length: 60 }, (_, n) => (n % 2 === 0 ? bridge : other).call(name)));
    const counted = await waitFor('both replicas to have written', async () => ((await health(name))['total_requests'] === 60 ? health(name) : null), SOON);
    expect(counted).toMatchObject({ total_requests: 60, total_failures: 0, consecutive_failures: 0 });
  });

  it('opens, is skipped everywhere, is forced when nobody else is left, tries again, doubles, heals', async () => {
    const agent = await two.fakeAgent(json(500, {}));
    const backup = await two.fakeAgent(says('backup'));
    const name = await two.registered(agent, { max_retries: 1, fallback_agents: [await two.registered(backup)] });
    for (let n = 0; n < 3; n++) await bridge.call(name);
    const opened = await health(name);
    expect(opened).toMatchObject({ circuit: { state: 'open' }, consecutive_failures: 3 });
    const before = agent.requests.length;
    await waitFor('the other replica to skip it', async () => {
      const { body } = await other.call(name);
      return (body['attempts'] as { skipped: string | null }[])[0]?.skipped === 'circuit_open' && body['success'] === true;
    });
    backup.behave(json(500, {}));
    const forced = await bridge.call(name);
    expect(forced.body).toMatchObject({ success: false, error_code: 'http_500' });
    expect((forced.body['attempts'] as unknown[]).at(-1)).toMatchObject({ agent: name, tries: 1, forced: true });
    expect(agent.requests.length).toBeGreaterThan(before);
    backup.behave(says('backup'));
    agent.behave(says('back again'));
    await waitFor('the trial', async () => (await other.call(name)).body['agent_name'] === name);
    expect(await health(name)).toMatchObject({ status: 'healthy', circuit: { state: 'closed', opened_at: null, retry_at: null }, consecutive_failures: 0 });
  });

  it('a lone agent is always tried, without retries while its circuit is open', async () => {
    const agent = await two.fakeAgent(json(500, {}));
    const name = await two.registered(agent, { max_retries: 2 });
    for (let n = 0; n < 3; n++) await bridge.call(name);
    expect(agent.requests).toHaveLength(6);
    expect((await bridge.call(name)).body).toMatchObject({ attempts: [{ agent: name, tries: 1, skipped: null }] });
    expect(agent.requests).toHaveLength(7);
  });

  it('a reset holds at once; re-registration elsewhere closes the circuit and keeps the counters', async () => {
    const agent = await two.fakeAgent(json(500, {}));
    const name = await two.registered(agent, { max_retries: 1 });
    for (let n = 0; n < 3; n++) await bridge.call(name);
    const reset = await bridge.ask('POST', `/api/vps/health/${name}/reset`, { raw: '', type: 'application/json' });
    expect(reset.status).toBe(200);
    expect(reset.body).toMatchObject({ total_requests: 0, last_error: null, status: 'healthy', circuit: { state: 'closed' } });
    expect((await bridge.call(name)).body).toMatchObject({ attempts: [{ forced: false, tries: 1 }] });
    for (let n = 0; n < 2; n++) await bridge.call(name);
    expect(await health(name)).toMatchObject({ circuit: { state: 'open' }, total_requests: 3 });
    const moved = await two.fakeAgent(says('moved'));
    const again = await bridge.register(name, moved.port);
    expect([again.status, again.body['created']]).toEqual([201, false]);
    expect(await health(name)).toMatchObject({ circuit: { state: 'closed' }, total_requests: 3, consecutive_failures: 0 });
    expect((await bridge.call(name)).body).toMatchObject({ success: true, response: 'moved' });
    await waitFor('the other replica to see it', async () => (await other.call(name)).body['response'] === 'moved', { timeoutMs: 2000 });
  });

  it('an outcome that arrives after the removal does not bring the record back', async () => {
    const waiting: (() => void)[] = [];
    const agent = await two.fakeAgent((request, response) => void waiting.push(() => says('late')(request, response)));
    const name = await two.registered(agent);
    const call = bridge.call(name);
    await waitFor('the agent to be asked', () => waiting.length > 0);
    expect((await other.ask('DELETE', `/api/vps/agents/${name}`)).status).toBe(204);
    waiting.forEach((answer) => answer());
    expect((await call).body).toMatchObject({ success: true, response: 'late' });
    expect((await bridge.get(`/api/vps/health/${name}`)).status).toBe(404);
    expect(await two.database.db.collection('vps_agent_health').findOne({ name })).toBeNull();
  });

  it('sums up in /health and /status', async () => {
    const orgId = await identity.organization();
    const { headers } = await identity.apiKey({ scopes: ['vps:manage', 'vps:call'], orgId });
    const mine = two.caller(0, headers);
    expect((await mine.get('/api/vps/health')).body).toMatchObject({ status: 'no_agents', total_agents: 0, error_rate: 0 });
    expect((await mine.get('/api/vps/status')).body).toEqual({ status: 'degraded', agents: 0, healthy_agents: 0, unhealthy_agents: 0, sessions: 0 });
    await mine.register('good', (await two.fakeAgent()).port);
    await mine.register('bad', await deadPort(), { max_retries: 1 });
    await mine.call('good', { session_id: 's' });
    for (let n = 0; n < 5; n++) await mine.call('bad');
    expect((await mine.get('/api/vps/health')).body).toEqual({
      status: 'degraded',
      total_agents: 2,
      healthy_agents: 1,
      unhealthy_agents: 1,
      degraded_agents: 0,
      error_rate: 83.33,
      by_status: { healthy: 1, degraded: 0, unhealthy: 0, unreachable: 1 },
    });
    expect((await mine.get('/api/vps/status')).body).toEqual({ status: 'operational', agents: 2, healthy_agents: 1, unhealthy_agents: 1, sessions: 1 });
  });
});
