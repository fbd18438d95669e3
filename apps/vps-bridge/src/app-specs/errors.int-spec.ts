import { json, says, waitFor } from '@agentfleet/testing';
import { problem, BridgeCaller } from './bridge.fixture';
import { TwoBridges } from './two-bridges.fixture';

let two: TwoBridges;
let bridge: BridgeCaller;

beforeAll(async () => {
  two = await TwoBridges.start();
  bridge = two.one;
});
afterAll(() => two.stop());

describe('errors', () => {
  const anyone = () => new BridgeCaller(two.replicas[0]!.url, {});

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
    const reader = await two.identity.apiKey({ scopes: ['vps:read'] });
    const reading = new BridgeCaller(two.replicas[0]!.url, reader.headers);
    expect((await reading.get('/api/vps/agents')).status).toBe(200);
    const refused = await reading.call('x');
    expect([refused.status, refused.body['detail'], refused.body['code']]).toEqual([403, 'Missing scope vps:call', 'forbidden']);
    expect((await reading.ask('DELETE', '/api/vps/sessions/x')).status).toBe(403);
    const agentToken = await two.identity.agentToken();
    expect((await anyone().ask('GET', '/api/vps/agents', { headers: { Authorization: `Bearer ${agentToken}` } })).status).toBe(403);
    const viewer = await two.identity.user({ roles: ['organization.viewer'] });
    expect((await anyone().ask('GET', '/api/vps/sessions', { headers: { ...viewer.headers } })).status).toBe(200);
  });

  it("keeps organizations apart: another one's agents and sessions are unknown", async () => {
    const name = await two.registered(await two.fakeAgent());
    const sessionId = two.unique('foreign');
    await bridge.call(name, { session_id: sessionId });
    const { headers } = await two.identity.apiKey({ scopes: ['vps:manage', 'vps:call'], orgId: await two.identity.organization() });
    const foreign = new BridgeCaller(two.replicas[0]!.url, headers);
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
    const strict = await two.boot({ VPS_ALLOW_LOOPBACK: 'false' });
    const caller = two.caller(two.replicas.indexOf(strict));
    expect((await caller.register('x', 80)).body['detail']).toBe('host must not be a loopback address (set VPS_ALLOW_LOOPBACK=true to allow it)');
    const agent = await two.fakeAgent();
    const literal = await two.registered(agent);
    const named = await two.registered(agent, { host: 'localhost' });
    for (const name of [literal, named]) {
      expect((await caller.call(name)).body).toMatchObject({ success: false, error_type: 'CONNECTION', error_code: 'address_denied', attempts: [{ tries: 1 }] });
    }
    expect((await bridge.call(named)).body['success']).toBe(true);
    expect(agent.requests).toHaveLength(1);
    await two.end(strict);
  });
});

describe('the app', () => {
  it('tells its own health, metrics and API', async () => {
    const anyone = new BridgeCaller(two.replicas[0]!.url, {});
    const root = await anyone.get('/health');
    expect(root.status).toBe(200);
    expect(root.body).toMatchObject({ status: 'ok', service: 'vps-bridge', replica_id: two.replicas[0]!.replicaId, checks: { mongodb: 'up', redis: 'up' } });
    await bridge.call(await two.registered(await two.fakeAgent(says('ok'))), { session_id: 'counted' });
    const sick = await two.registered(await two.fakeAgent(json(500, {})), { max_retries: 1 });
    for (let n = 0; n < 3; n++) await bridge.call(sick);
    const metrics = await waitFor('the circuit to be written', async () => {
      const { text } = await anyone.get('/metrics');
      return text.includes('vps_circuit_transitions_total{to="open"}') ? text : null;
    });
    for (const name of ['vps_calls_total{kind="sync",outcome="success"}', 'vps_attempts_total{result="ok"}', 'vps_agents{status="healthy"}', 'vps_sessions ', 'vps_circuit_transitions_total{to="open"}']) {
      expect(metrics).toContain(name);
    }
    const api = (await anyone.get('/api-docs-json')).body as { paths: object };
    expect(Object.keys(api.paths)).toEqual(expect.arrayContaining(['/api/vps/call', '/api/vps/register', '/api/vps/sessions/{id}']));
  });

  it('refuses what would be too much at once', async () => {
    const small = await two.boot({ VPS_MAX_IN_FLIGHT: '1' });
    const caller = two.caller(two.replicas.indexOf(small));
    const waiting: (() => void)[] = [];
    const agent = await two.fakeAgent((request, response) => void waiting.push(() => says('done')(request, response)));
    const name = await two.registered(agent);
    const running = caller.call(name);
    await waitFor('the agent to be asked', () => waiting.length > 0);
    const refused = await caller.call(name);
    expect([refused.status, refused.body['code']]).toEqual([503, 'overloaded']);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    const closing = two.end(small);
    waiting.forEach((answer) => answer());
    expect((await running).body['success']).toBe(true); // running calls are finished before the app goes
    await closing;
  });
});
