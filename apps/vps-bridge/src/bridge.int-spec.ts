import { gzipSync } from 'node:zlib';
import { bootApp, type RunningApp } from '@agentfleet/platform';
import { bytes, FakeAgent, IdentityFixtures, json, says, type TestDatabase, testDatabase, waitFor } from '@agentfleet/testing';
import { vpsBridgeApp } from './app';
import { BridgeCaller, deadPort, type Answer } from './bridge.fixture';

const STATIC_KEY = 'a-static-key-of-the-bridge';
const FAST = { VPS_BACKOFF_BASE_MS: '5', VPS_BACKOFF_MAX_MS: '10', VPS_CIRCUIT_COOLDOWN_MS: '300', VPS_CIRCUIT_COOLDOWN_MAX_MS: '1000' };

let database: TestDatabase;
let identity: IdentityFixtures;
let replicas: [RunningApp, RunningApp];
let bridge: BridgeCaller;
let other: BridgeCaller;
const agents: FakeAgent[] = [];

beforeAll(async () => {
  database = await testDatabase();
  identity = new IdentityFixtures(database.db);
  const env = { ...database.env, ...FAST, BRIDGE_API_KEY: STATIC_KEY, VPS_MAX_RESPONSE_BYTES: '20000', LOG_LEVEL: 'silent' };
  replicas = [await bootApp(vpsBridgeApp, { env }), await bootApp(vpsBridgeApp, { env })];
  for (const replica of replicas) {
    await replica.services.lifecycle.whenReady();
    await waitFor('the bus', () => replica.services.bus.isUp);
  }
  const key = { 'X-API-Key': STATIC_KEY };
  bridge = new BridgeCaller(replicas[0].url, key);
  other = new BridgeCaller(replicas[1].url, key);
});

afterAll(async () => {
  await Promise.all(agents.map((agent) => agent.stop()));
  await Promise.all(replicas.map((replica) => replica.close()));
  await database.drop();
});

async function fakeAgent(...behaviours: Parameters<typeof FakeAgent.start>): Promise<FakeAgent> {
  const agent = await FakeAgent.start(...behaviours);
  agents.push(agent);
  return agent;
}

let count = 0;
const unique = (prefix: string) => `${prefix}-${++count}`;

async function registered(agent: FakeAgent, over: object = {}, name = unique('agent')): Promise<string> {
  const answer = await bridge.register(name, agent.port, over);
  expect(answer.status).toBe(201);
  return name;
}

const health = async (name: string, from = bridge): Promise<Record<string, unknown>> => (await from.get(`/api/vps/health/${name}`)).body;
const problem = ({ status, body }: Answer) => [status, body['code'], (body['errors'] as { field: string }[] | undefined)?.map(({ field }) => field)];

describe('first light', () => {
  it('registers an agent, calls it, and shows session and health', async () => {
    const agent = await fakeAgent(says('Here is your plan'));
    const name = unique('pm');
    const answer = await bridge.register(name, agent.port, { auth_token: 'tok-SECRET', fallback_agents: ['x', name, 'x'] });
    expect(answer.status).toBe(201);
    expect(answer.body).toEqual({ status: 'registered', agent_name: name, url: `http://127.0.0.1:${agent.port}`, created: true, fallback_agents: ['x'] });

    const sessionId = unique('sess/ü ?$😀');
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
    expect(await health(name, other)).toMatchObject({ agent_name: name, status: 'healthy', success_rate: 100, total_requests: 1, last_error: null, last_probe: null });
    expect(JSON.stringify(await database.db.collection('vps_agents').findOne({ name }))).not.toContain('tok-SECRET');
  });

  it('lists agents without tokens, in full without the token, and forgets them', async () => {
    const agent = await fakeAgent();
    const name = await registered(agent, { auth_token: 'tok-SECRET', retry_on: ['503'], model: 'm', api: 'openai' });
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
    const agent = await fakeAgent(json(200, { choices: [{ message: { content: [{ type: 'text', text: 'a' }, { type: 'image' }, { type: 'text', text: 'b' }] } }] }));
    const name = await registered(agent, { api: 'openai', model: 'gpt' });
    expect((await bridge.call(name, { session_id: 'openai sess' })).body['response']).toBe('ab');
    expect(agent.requests[0]?.path).toBe('/v1/chat/completions');
    expect(agent.requests[0]?.headers['x-session-id']).toBe('openai%20sess');
    expect(agent.requests[0]?.body).not.toHaveProperty('session_id');

    const plain = await fakeAgent(json(200, { message: '' }), bytes(200, gzipSync(JSON.stringify({ content: 'zipped' })), { 'content-encoding': 'gzip' }));
    const second = await registered(plain);
    expect((await bridge.call(second)).body).toMatchObject({ success: true, response: '' });
    expect((await bridge.call(second)).body).toMatchObject({ success: true, response: 'zipped' });
  });

  it('sends the history only when asked to', async () => {
    const agent = await fakeAgent(says('one'), says('two'), says('three'));
    const name = await registered(agent);
    const sessionId = unique('history');
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
    const agent = await fakeAgent(json(503, {}), json(500, {}), says('at last'));
    const name = await registered(agent);
    expect((await bridge.call(name)).body).toMatchObject({ success: true, response: 'at last', retried: false, attempts: [{ tries: 3, status_code: 200 }] });
    expect(await health(name)).toMatchObject({ total_requests: 1, total_failures: 0 });
    const keys = new Set(agent.requests.map(({ headers }) => headers['idempotency-key']));
    expect(keys.size).toBe(1);
  });

  it('falls back along the chain, past names that nobody registered', async () => {
    const bad = await fakeAgent(json(401, { token: 'tok-ECHO' }));
    const good = await fakeAgent(says('from the second'));
    const second = await registered(good);
    const first = await registered(bad, { fallback_agents: ['nobody', second] });
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
    const bad = await fakeAgent(json(400, {}));
    const good = await fakeAgent();
    const first = await registered(bad, { fallback_on: ['CONNECTION', '5xx'], fallback_agents: [await registered(good)] });
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
    ['no answer at all', [(_request, response) => void response.destroy()], 'CONNECTION', 'reset'],
    ['no HTTP', [(_request, response) => void response.socket?.end('SSH-2.0-OpenSSH\r\n')], 'INVALID_RESPONSE', 'bad_http'],
    ['a huge header', [json(200, { content: 'x' }, { 'x-huge': 'y'.repeat(20_000) })], 'INVALID_RESPONSE', 'too_large'],
    ['429', [json(429, {})], 'RATE_LIMIT', 'http_429'],
  ])('an agent that answers with %s', async (_name, behaviours, type, code) => {
    const agent = await fakeAgent(...behaviours);
    const name = await registered(agent, { max_retries: 1 });
    expect((await bridge.call(name)).body).toMatchObject({ success: false, response: null, error_type: type, error_code: code, attempts: [{ tries: 1 }] });
  });

  it('an agent that is not there', async () => {
    const name = unique('dead');
    await bridge.register(name, await deadPort(), { max_retries: 2 });
    const { body } = await bridge.call(name);
    expect(body).toMatchObject({ success: false, error_type: 'CONNECTION', error_code: 'refused', attempts: [{ tries: 2 }] });
    expect(body['error']).toBe('All agents failed. Last error: The agent refused the connection or its host is unreachable');
    expect(JSON.stringify(await health(name))).not.toContain('127.0.0.1');
  });

  it('a name that does not resolve', async () => {
    const name = unique('nowhere');
    await bridge.register(name, 80, { host: 'no-such-host.invalid', max_retries: 1 });
    expect((await bridge.call(name)).body).toMatchObject({ error_type: 'CONNECTION', error_code: 'dns' });
  });

  it('a dripping agent ends on time; the deadline of the call is neutral for the agent', async () => {
    const drip = await fakeAgent((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const timer = setInterval(() => response.write(' '), 50);
      response.on('close', () => clearInterval(timer));
    });
    const name = await registered(drip, { timeout_seconds: 1, max_retries: 1 });
    expect((await bridge.call(name)).body).toMatchObject({ error_type: 'TIMEOUT', error_code: 'timeout', attempts: [{ status_code: 200 }] });
    expect(await health(name)).toMatchObject({ total_requests: 1, consecutive_failures: 1 });
    const patient = await registered(drip, { timeout_seconds: 60 });
    const { body } = await bridge.call(patient, { deadline_seconds: 1 });
    expect(body).toMatchObject({ error_type: 'TIMEOUT', error_code: 'deadline_exceeded', attempts: [{ tries: 1 }] });
    expect(body['latency_ms']).toBeLessThan(2000);
    expect(await health(patient)).toMatchObject({ total_requests: 0 });
  });

  it('waits as long as Retry-After asks, and goes on at once when that is too long', async () => {
    const polite = await fakeAgent(json(429, {}, { 'retry-after': '1' }), says('ok'));
    const name = await registered(polite);
    const waited = await bridge.call(name);
    expect(waited.body).toMatchObject({ success: true, attempts: [{ tries: 2 }] });
    expect(waited.body['latency_ms']).toBeGreaterThanOrEqual(1000);
    const busy = await fakeAgent(json(429, {}, { 'retry-after': '3600' }));
    const second = await registered(busy);
    expect((await bridge.call(second)).body).toMatchObject({ success: false, error_type: 'RATE_LIMIT', attempts: [{ tries: 1 }], retry_after_seconds: 1 });
    expect(await health(second)).toMatchObject({ circuit: { state: 'open' }, total_failures: 1 });
  });
});

describe('health and circuits over two replicas', () => {
  it('60 parallel failing calls on two replicas are exactly 60/60/60', async () => {
    const agent = await fakeAgent(json(500, {}));
    const name = await registered(agent, { max_retries: 1 });
    await Promise.all(Array.from({ length: 60 }, (_, n) => (n % 2 === 0 ? bridge : other).call(name)));
    expect(await health(name)).toMatchObject({ total_requests: 60, total_failures: 60, consecutive_failures: 60, status: 'unhealthy', success_rate: 0 });
  });

  it('60 parallel successes are exactly 60', async () => {
    const agent = await fakeAgent();
    const name = await registered(agent);
    await Promise.all(Array.from({ length: 60 }, (_, n) => (n % 2 === 0 ? bridge : other).call(name)));
    expect(await health(name)).toMatchObject({ total_requests: 60, total_failures: 0, consecutive_failures: 0 });
  });

  it('opens, is skipped everywhere, is forced when nobody else is left, tries again, doubles, heals', async () => {
    const agent = await fakeAgent(json(500, {}));
    const backup = await fakeAgent(says('backup'));
    const name = await registered(agent, { max_retries: 1, fallback_agents: [await registered(backup)] });
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
    const agent = await fakeAgent(json(500, {}));
    const name = await registered(agent, { max_retries: 2 });
    for (let n = 0; n < 3; n++) await bridge.call(name);
    expect(agent.requests).toHaveLength(6);
    expect((await bridge.call(name)).body).toMatchObject({ attempts: [{ agent: name, tries: 1, skipped: null }] });
    expect(agent.requests).toHaveLength(7);
  });

  it('a reset holds at once; re-registration elsewhere closes the circuit and keeps the counters', async () => {
    const agent = await fakeAgent(json(500, {}));
    const name = await registered(agent, { max_retries: 1 });
    for (let n = 0; n < 3; n++) await bridge.call(name);
    const reset = await bridge.ask('POST', `/api/vps/health/${name}/reset`, { raw: '', type: 'application/json' });
    expect(reset.status).toBe(200);
    expect(reset.body).toMatchObject({ total_requests: 0, last_error: null, status: 'healthy', circuit: { state: 'closed' } });
    expect((await bridge.call(name)).body).toMatchObject({ attempts: [{ forced: false, tries: 1 }] });
    for (let n = 0; n < 2; n++) await bridge.call(name);
    expect(await health(name)).toMatchObject({ circuit: { state: 'open' }, total_requests: 3 });
    const moved = await fakeAgent(says('moved'));
    const again = await bridge.register(name, moved.port);
    expect([again.status, again.body['created']]).toEqual([201, false]);
    expect(await health(name)).toMatchObject({ circuit: { state: 'closed' }, total_requests: 3, consecutive_failures: 0 });
    expect((await bridge.call(name)).body).toMatchObject({ success: true, response: 'moved' });
    await waitFor('the other replica to see it', async () => (await other.call(name)).body['response'] === 'moved', { timeoutMs: 2000 });
  });

  it('an outcome that arrives after the removal does not bring the record back', async () => {
    const waiting: (() => void)[] = [];
    const agent = await fakeAgent((request, response) => void waiting.push(() => says('late')(request, response)));
    const name = await registered(agent);
    const call = bridge.call(name);
    await waitFor('the agent to be asked', () => waiting.length > 0);
    expect((await other.ask('DELETE', `/api/vps/agents/${name}`)).status).toBe(204);
    waiting.forEach((answer) => answer());
    expect((await call).body).toMatchObject({ success: true, response: 'late' });
    expect((await bridge.get(`/api/vps/health/${name}`)).status).toBe(404);
    expect(await database.db.collection('vps_agent_health').findOne({ name })).toBeNull();
  });

  it('sums up in /health and /status', async () => {
    const orgId = await identity.organization();
    const { headers } = await identity.apiKey({ scopes: ['vps:manage', 'vps:call'], orgId });
    const mine = new BridgeCaller(replicas[0].url, headers);
    expect((await mine.get('/api/vps/health')).body).toMatchObject({ status: 'no_agents', total_agents: 0, error_rate: 0 });
    expect((await mine.get('/api/vps/status')).body).toEqual({ status: 'degraded', agents: 0, healthy_agents: 0, unhealthy_agents: 0, sessions: 0 });
    await mine.register('good', (await fakeAgent()).port);
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

describe('sessions', () => {
  const total = async (sessionId: string) => (await bridge.get(`/api/vps/sessions/${sessionId}`)).body as { total_messages: number; messages: { role: string; content: string; agent: string }[] };

  it('200 parallel calls on two replicas lose and double nothing, and merge every key', async () => {
    const agent = await fakeAgent((request, response) => {
      const [message] = request.body['messages'] as { content: string }[];
      says(`answer to ${message?.content ?? ''}`)(request, response);
    });
    const name = await registered(agent);
    const sessionId = unique('parallel');
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, n) => (n % 2 === 0 ? bridge : other).call(name, { session_id: sessionId, prompt: `p${n}`, metadata: { [`key${n}`]: n } })),
    );
    answers.forEach(({ body }, n) => expect(body['response']).toBe(`answer to p${n}`));
    const session = await bridge.get(`/api/vps/sessions/${sessionId}`);
    const { messages, total_messages, metadata } = session.body as unknown as { messages: { role: string; content: string }[]; total_messages: number; metadata: object };
    expect(total_messages).toBe(400);
    expect(Object.keys(metadata)).toHaveLength(200);
    for (let n = 0; n < 200; n++) {
      const asked = messages.flatMap(({ content }, index) => (content === `p${n}` ? [index] : []));
      const answered = messages.flatMap(({ content }, index) => (content === `answer to p${n}` ? [index] : []));
      expect([asked.length, answered.length]).toEqual([1, 1]);
      expect(asked[0]).toBeLessThan(answered[0] ?? -1);
    }
    const seqs = await database.db.collection('vps_messages').distinct('seq', { callId: { $in: answers.map(({ body }) => body['call_id']) } });
    expect(seqs).toEqual(Array.from({ length: 400 }, (_, n) => n + 1));
    expect((await other.get(`/api/vps/sessions/${sessionId}/messages?limit=1`)).body).toMatchObject({ total_messages: 400 });
  });

  it('belongs to its first user; without a user it is used as it is', async () => {
    const agent = await fakeAgent();
    const name = await registered(agent);
    const sessionId = unique('owned');
    await bridge.call(name, { session_id: sessionId, user_id: 'anna' });
    const refused = await other.call(name, { session_id: sessionId, user_id: 'bert' });
    expect([refused.status, refused.body['code'], refused.body['detail']]).toEqual([403, 'session_owner_mismatch', `Session '${sessionId}' belongs to another user`]);
    expect((await bridge.call(name, { session_id: sessionId })).body['success']).toBe(true);
    expect(await total(sessionId)).toMatchObject({ user_id: 'anna', total_messages: 4 });
    expect(agent.requests).toHaveLength(2);
    const own = unique('own');
    await bridge.call(name, { session_id: own });
    expect(await total(own)).toMatchObject({ user_id: 'static:bridge' });
  });

  it('stores the prompt of a call that fails, and nothing of one to an unknown agent', async () => {
    const name = await registered(await fakeAgent(json(400, {})));
    const sessionId = unique('failed');
    await bridge.call(name, { session_id: sessionId });
    expect((await total(sessionId)).messages).toMatchObject([{ role: 'user', content: 'Plan a 3-phase project', agent: '' }]);
    const unknown = await bridge.call('__proto__', { session_id: unique('none') });
    expect(unknown.body).toMatchObject({ success: false, error_type: 'UNKNOWN', error_code: 'not_registered', fallback_chain: [], latency_ms: 0, attempts: [] });
    expect(unknown.body['error']).toBe(
      "Agent '__proto__' not registered. Register it with POST /api/vps/register; being listed in AIWM does not make an agent callable here.",
    );
    expect((await bridge.get(`/api/vps/sessions/${String(unknown.body['session_id'])}`)).status).toBe(404);
    await waitFor('late records', async () => ((await bridge.get(`/api/vps/calls?session_id=${sessionId}`)).body['calls'] as unknown[]).length === 1);
    expect((await bridge.get(`/api/vps/calls/${String(unknown.body['call_id'])}`)).status).toBe(404);
  });

  it('pages messages in both directions and sessions by activity', async () => {
    const name = await registered(await fakeAgent());
    const sessionId = unique('paged');
    const user = unique('user');
    for (let n = 0; n < 3; n++) await bridge.call(name, { session_id: sessionId, prompt: `p${n}`, user_id: user });
    const page = async (query: string) => (await bridge.get(`/api/vps/sessions/${sessionId}/messages${query}`)).body as unknown as { messages: { seq: number }[] };
    expect(await page('?limit=4')).toMatchObject({ total_messages: 6, next_after_seq: 4, next_before_seq: null });
    expect((await page('?after_seq=4')).messages.map(({ seq }) => seq)).toEqual([5, 6]);
    expect(await page('?before_seq=6&limit=2')).toMatchObject({ messages: [{ seq: 5 }, { seq: 4 }], next_before_seq: 4, next_after_seq: null });
    expect(await page('?after_seq=99')).toMatchObject({ messages: [], next_after_seq: null });
    expect((await bridge.get(`/api/vps/sessions/${sessionId}?message_limit=1`)).body).toMatchObject({ total_messages: 6, messages: [{ role: 'assistant' }] });
    expect((await bridge.get(`/api/vps/sessions/${sessionId}?message_limit=0`)).body).toMatchObject({ total_messages: 6, messages: [] });
    const others = [unique('paged'), unique('paged')];
    for (const id of others) await bridge.call(name, { session_id: id, user_id: user });
    const first = (await bridge.get(`/api/vps/sessions?user_id=${user}&limit=2`)).body as { sessions: { session_id: string }[]; next_cursor: string };
    expect(first.sessions.map((one) => one.session_id)).toEqual([...others].reverse());
    const rest = await bridge.get(`/api/vps/sessions?user_id=${user}&limit=2&cursor=${first.next_cursor}`);
    expect(rest.body).toMatchObject({ sessions: [{ session_id: sessionId, total_messages: 6, metadata: {} }], next_cursor: null });
    expect((await bridge.get(`/api/vps/sessions?user_id=${user}&active_since=2099-01-01T00:00:00Z`)).body).toMatchObject({ sessions: [] });
  });

  it('can be deleted and its id used again at once, on every replica', async () => {
    const name = await registered(await fakeAgent());
    const sessionId = unique('deleted');
    await other.call(name, { session_id: sessionId, user_id: 'anna' });
    expect((await bridge.ask('DELETE', `/api/vps/sessions/${sessionId}`)).status).toBe(204);
    expect((await bridge.ask('DELETE', `/api/vps/sessions/${sessionId}`)).status).toBe(404);
    expect((await bridge.call(name, { session_id: sessionId, user_id: 'bert' })).body['success']).toBe(true);
    expect(await total(sessionId)).toMatchObject({ user_id: 'bert', total_messages: 2 });
    await waitFor('the other replica to know the new owner', async () => (await other.call(name, { session_id: sessionId, user_id: 'anna' })).status === 403);
    await waitFor('the other replica to use it', async () => (await other.call(name, { session_id: sessionId, user_id: 'bert' })).status === 200);
  });

  it('an answer that arrives after the deletion goes to its caller only', async () => {
    const waiting: (() => void)[] = [];
    const agent = await fakeAgent((request, response) => void waiting.push(() => says('late')(request, response)));
    const name = await registered(agent);
    const sessionId = unique('late');
    const call = bridge.call(name, { session_id: sessionId });
    await waitFor('the agent to be asked', () => waiting.length > 0);
    const [stored] = await database.db.collection('vps_sessions').find({ sessionId }).toArray();
    expect((await other.ask('DELETE', `/api/vps/sessions/${sessionId}`)).status).toBe(204);
    waiting.forEach((answer) => answer());
    expect((await call).body).toMatchObject({ success: true, response: 'late' });
    expect((await bridge.get(`/api/vps/sessions/${sessionId}`)).status).toBe(404);
    expect(await database.db.collection('vps_messages').countDocuments({ sessionKey: stored?._id })).toBe(0);
  });

  it('keeps merged metadata within its limit', async () => {
    const agent = await fakeAgent();
    const name = await registered(agent);
    const sessionId = unique('meta');
    const chunk = 'x'.repeat(60_000);
    for (let n = 0; n < 17; n++) expect((await bridge.call(name, { session_id: sessionId, metadata: { [`k${n}`]: chunk } })).status).toBe(200);
    expect(problem(await bridge.call(name, { session_id: sessionId, metadata: { more: chunk } }))).toEqual([422, 'validation_failed', ['metadata']]);
    expect(agent.requests).toHaveLength(17);
    expect((await bridge.call(name, { session_id: sessionId, metadata: { k0: 'small', more: 'y' } })).status).toBe(200);
  });
});

describe('errors', () => {
  const anyone = () => new BridgeCaller(replicas[0].url, {});

  it.each([
    ['POST', '/api/vps/call', '{'],
    ['POST', '/api/vps/register', '['],
    ['POST', '/api/vps/nowhere', '{'],
    ['GET', '/api/vps/agents/x', undefined],
    ['GET', '/api/vps/sessions/%zz', undefined],
    ['DELETE', '/api/vps/agents/x', undefined],
  ])('%s %s without credentials is 401 before anything else', async (method, path, raw) => {
    const answer = await anyone().ask(method, path, raw === undefined ? {} : { raw });
    expect([answer.status, answer.body['code'], answer.body['detail']]).toEqual([401, 'unauthenticated', 'Not authenticated']);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    expect(answer.body['correlation_id']).toBe(answer.headers.get('x-correlation-id'));
  });

  it('asks for the right scope, and refuses agents', async () => {
    const reader = await identity.apiKey({ scopes: ['vps:read'] });
    const reading = new BridgeCaller(replicas[0].url, reader.headers);
    expect((await reading.get('/api/vps/agents')).status).toBe(200);
    const refused = await reading.call('x');
    expect([refused.status, refused.body['detail'], refused.body['code']]).toEqual([403, 'Missing scope vps:call', 'forbidden']);
    expect((await reading.ask('DELETE', '/api/vps/sessions/x')).status).toBe(403);
    const agentToken = await identity.agentToken();
    expect((await anyone().ask('GET', '/api/vps/agents', { headers: { Authorization: `Bearer ${agentToken}` } })).status).toBe(403);
    const viewer = await identity.user({ roles: ['organization.viewer'] });
    expect((await anyone().ask('GET', '/api/vps/sessions', { headers: { ...viewer.headers } })).status).toBe(200);
  });

  it("keeps organizations apart: another one's agents and sessions are unknown", async () => {
    const name = await registered(await fakeAgent());
    const sessionId = unique('foreign');
    await bridge.call(name, { session_id: sessionId });
    const { headers } = await identity.apiKey({ scopes: ['vps:manage', 'vps:call'], orgId: await identity.organization() });
    const foreign = new BridgeCaller(replicas[0].url, headers);
    for (const path of [`agents/${name}`, `health/${name}`, `sessions/${sessionId}`, `sessions/${sessionId}/messages`]) {
      expect((await foreign.get(`/api/vps/${path}`)).status).toBe(404);
    }
    expect((await foreign.ask('DELETE', `/api/vps/agents/${name}`)).status).toBe(404);
    expect((await foreign.ask('POST', `/api/vps/health/${name}/reset`)).status).toBe(404);
    expect((await foreign.ask('DELETE', `/api/vps/sessions/${sessionId}`)).status).toBe(404);
    expect((await foreign.call(name)).body).toMatchObject({ error_code: 'not_registered' });
    expect((await bridge.get(`/api/vps/sessions/${sessionId}`)).status).toBe(200);
  });

  it.each([
    ['', 400, 'malformed_json'],
    ['{', 400, 'malformed_json'],
    ['{"__proto__":{}}', 400, 'malformed_json'],
    ['[]', 422, 'validation_failed'],
    ['null', 422, 'validation_failed'],
    ['5', 422, 'validation_failed'],
    [`{"metadata":${'['.repeat(70)}${']'.repeat(70)}}`, 422, 'validation_failed'],
  ])('body %j is %i', async (raw, status, code) => {
    const answer = await bridge.ask('POST', '/api/vps/call', { raw });
    expect([answer.status, answer.body['code']]).toEqual([status, code]);
    expect(answer.body['detail']).toEqual(expect.any(String));
  });

  it('a POST without any body is 400, other types are 415, too much is 413', async () => {
    expect((await bridge.ask('POST', '/api/vps/call')).status).toBe(400);
    expect(problem(await bridge.ask('POST', '/api/vps/call', { raw: 'a=1', type: 'application/x-www-form-urlencoded' }))[1]).toBe('unsupported_media_type');
    const large = await bridge.call('x', { prompt: 'x'.repeat(9 * 1024 * 1024) }).catch(() => null);
    if (large !== null) expect(problem(large).slice(0, 2)).toEqual([413, 'too_large']);
  });

  it('names what is wrong with a registration, never its value', async () => {
    const answer = await bridge.register('x', 5000, { port: '5000', auth_token: 'tok SECRET', max_retries: 0 });
    expect(problem(answer)).toEqual([422, 'validation_failed', ['port', 'auth_token', 'max_retries']]);
    expect(answer.body['detail']).toBe('port must be a whole number from 1 to 65535');
    expect(JSON.stringify(answer.body)).not.toContain('SECRET');
    expect((await bridge.register('x', 5000, { protocol: 'ftp' })).body).toMatchObject({ detail: 'Invalid protocol: ftp', code: 'invalid_protocol' });
    expect(problem(await bridge.register('x', 5000, { cluster_id: '8f14e45f-ceea-467f-9f12-1234567890ab' }))).toEqual([422, 'validation_failed', ['cluster_id']]);
    expect(problem(await bridge.register('x', 80, { host: '169.254.169.254' }))).toEqual([422, 'validation_failed', ['host']]);
    expect(problem(await bridge.register('x', 80, { host: 'http://evil/?@x#y' }))).toEqual([422, 'validation_failed', ['host']]);
  });

  it.each([
    ['/api/vps/agents/no%20such', 404, 'agent_not_found'],
    ['/api/vps/agents/constructor', 404, 'agent_not_found'],
    ['/api/vps/health/nobody', 404, 'agent_not_found'],
    ['/api/vps/sessions/import', 404, 'session_not_found'],
    ['/api/vps/sessions/%00', 404, 'session_not_found'],
    ['/api/vps/nowhere', 404, 'not_found'],
    ['/api/vps/sessions?limit=0', 422, 'validation_failed'],
    ['/api/vps/sessions?limit=1&limit=2', 422, 'validation_failed'],
    ['/api/vps/sessions?user_id[$ne]=x', 422, 'validation_failed'],
    ['/api/vps/sessions?cursor=x', 422, 'validation_failed'],
    ['/api/vps/sessions?active_since=yesterday', 422, 'validation_failed'],
    ['/api/vps/sessions/x/messages?after_seq=1&before_seq=2', 422, 'validation_failed'],
    ['/api/vps/sessions/x/messages?limit=1e3', 422, 'validation_failed'],
    ['/api/vps/sessions/x?message_limit=-1', 422, 'validation_failed'],
  ])('GET %s is %i %s', async (path, status, code) => {
    const answer = await bridge.get(path);
    expect([answer.status, answer.body['code']]).toEqual([status, code]);
  });

  it('a literal loopback address needs the switch, at registration and at every connection', async () => {
    const strict = await bootApp(vpsBridgeApp, { env: { ...database.env, BRIDGE_API_KEY: STATIC_KEY, VPS_ALLOW_LOOPBACK: 'false', LOG_LEVEL: 'silent' } });
    try {
      await strict.services.lifecycle.whenReady();
      const caller = new BridgeCaller(strict.url, { 'X-API-Key': STATIC_KEY });
      expect((await caller.register('x', 80)).body['detail']).toBe('host must not be a loopback address (set VPS_ALLOW_LOOPBACK=true to allow it)');
      const agent = await fakeAgent();
      const literal = await registered(agent);
      const named = await registered(agent, { host: 'localhost' });
      for (const name of [literal, named]) {
        expect((await caller.call(name)).body).toMatchObject({ success: false, error_type: 'CONNECTION', error_code: 'address_denied', attempts: [{ tries: 1 }] });
      }
      expect((await bridge.call(named)).body['success']).toBe(true);
      expect(agent.requests).toHaveLength(1);
    } finally {
      await strict.close();
    }
  });
});

describe('the app', () => {
  it('tells its own health, metrics and API', async () => {
    const anyone = new BridgeCaller(replicas[0].url, {});
    const root = await anyone.get('/health');
    expect(root.status).toBe(200);
    expect(root.body).toMatchObject({ status: 'ok', service: 'vps-bridge', replica_id: replicas[0].replicaId, checks: { mongodb: 'up', redis: 'up' } });
    const metrics = await (await fetch(`${replicas[0].url}/metrics`)).text();
    for (const name of ['vps_calls_total{kind="sync",outcome="success"}', 'vps_attempts_total{result="ok"}', 'vps_agents{status="healthy"}', 'vps_sessions ', 'vps_circuit_transitions_total{to="open"}']) {
      expect(metrics).toContain(name);
    }
    const api = (await anyone.get('/api-docs-json')).body as { paths: object };
    expect(Object.keys(api.paths)).toEqual(expect.arrayContaining(['/api/vps/call', '/api/vps/register', '/api/vps/sessions/{id}']));
  });

  it('refuses what would be too much at once', async () => {
    const small = await bootApp(vpsBridgeApp, { env: { ...database.env, BRIDGE_API_KEY: STATIC_KEY, VPS_MAX_IN_FLIGHT: '1', LOG_LEVEL: 'silent' } });
    let closing: Promise<void> | undefined;
    try {
      await small.services.lifecycle.whenReady();
      const caller = new BridgeCaller(small.url, { 'X-API-Key': STATIC_KEY });
      const waiting: (() => void)[] = [];
      const agent = await fakeAgent((request, response) => void waiting.push(() => says('done')(request, response)));
      const name = await registered(agent);
      const running = caller.call(name);
      await waitFor('the agent to be asked', () => waiting.length > 0);
      const refused = await caller.call(name);
      expect([refused.status, refused.body['code']]).toEqual([503, 'overloaded']);
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
      closing = small.close();
      waiting.forEach((answer) => answer());
      expect((await running).body['success']).toBe(true); // running calls are finished before the app goes
    } finally {
      await (closing ?? small.close());
    }
  });
});
