import { bootReplicas, waitFor, type FixtureKey, type FixtureUser, type IdentityFixtures, type Replicas } from '@agentfleet/testing';
import { bootApp, type RunningApp } from '@agentfleet/platform';
import { clusterAgentApp } from '../app';
import { AgentClient, refusedUpgrade } from './agent-client.fixture';

const WS = '/api/v1/clusters/agent/ws';
let fleet: Replicas<typeof clusterAgentApp, RunningApp>;
let running: RunningApp;
let identity: IdentityFixtures;
let key: FixtureKey;
let viewer: FixtureUser;
let editor: FixtureUser;

beforeAll(async () => {
  fleet = await bootReplicas(bootApp, clusterAgentApp, 1, { CLUSTER_PUBLIC_URL: 'https://fleet.example.com/' });
  running = fleet.first;
  ({ identity } = fleet);
  key = await identity.apiKey({ scopes: ['cluster:register'] });
  viewer = await identity.user({ roles: ['organization.viewer'] });
  editor = await identity.user({ roles: ['organization.editor'] });
});
afterAll(() => fleet.close());

const http = (method: string, path: string, headers: Record<string, string> = {}, body?: unknown) => fleet.http(headers).ask(method, path, typeof body === 'string' ? { raw: body } : { body });
const read = (id: unknown) => http('GET', `/api/v1/clusters/${String(id)}`, viewer.headers);
const presence = async (id: unknown) => (await read(id)).body['presence'] as Record<string, unknown>;

describe('an agent over its socket', () => {
  it('registers, acknowledges, and is shown online', async () => {
    const agent = await AgentClient.open(running.url, key.key);
    const payload = await agent.register('agent-1', 'prod-eu', {
      region: 'eu', labels: { 'a.b/c$': 'x', env: 'prod' }, features: { commands: true }, metadata: { k8s_nodes: 3 }, k8s_service_token: 'very-secret', server_specs: { cpu_cores: 4 },
    });
    const id = payload['cluster_id'];
    expect(payload).toMatchObject({
      cluster_uuid: id, name: 'prod-eu', status: 'registered', epoch: 1, heartbeat_interval_seconds: 30,
      tunnel_url: `https://fleet.example.com/api/v1/clusters/agent/${String(id)}/proxy`,
    });
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(Number.isInteger(payload['workspace_id']) && Number(payload['workspace_id']) > 0).toBe(true);
    const ack = await agent.ask('heartbeat', {
      cluster_id: id, agent_id: 'agent-1', status: 'healthy', metadata: { cpu_usage: 7 }, grafana_url: 'http://me:pw@grafana', grafana_password: 'pw2', worker_join: { token: 'join-secret' },
    });
    expect(ack.type).toBe('heartbeat_ack');
    expect(Date.parse(String(ack.payload['received_at']))).not.toBeNaN();
    expect((await agent.ask('ping', undefined)).type).toBe('pong');
    expect((await agent.ask('status', {})).type).toBe('heartbeat_ack');
    const shown = await waitFor('the report', async () => {
      const { body } = await read(id);
      return JSON.stringify(body['reported']).includes('cpu_usage') ? body : undefined;
    });
    expect(shown).toMatchObject({
      agent_id: 'agent-1', name: 'prod-eu', transport: 'websocket', region: 'eu', hostname: null, labels: { 'a.b/c$': 'x', env: 'prod' }, features: { commands: true },
      presence: { state: 'online', reason: 'registered' }, reported: { status: 'healthy', metadata: { cpu_usage: 7 } }, has_service_token: true,
      connection: { epoch: 1, replica_id: running.replicaId, key_id: key.id }, integrations: { grafana: { url: 'http://grafana', username: null, has_password: true } },
      metadata: { k8s_nodes: 3 }, conditions: [], server_specs: { cpu_cores: 4 },
    });
    const stored = JSON.stringify(await fleet.database.db.collection('clusters').findOne({ agent_id: 'agent-1' }));
    for (const secret of ['very-secret', 'pw2', 'me:pw', 'join-secret']) {
      expect(stored).not.toContain(secret);
      expect(JSON.stringify(shown)).not.toContain(secret);
    }
    const events = await http('GET', `/api/v1/clusters/${String(id)}/events`, viewer.headers);
    expect((events.body['data'] as { kind: string; seq: number }[]).map(({ kind, seq }) => [seq, kind])).toEqual([[3, 'presence'], [2, 'connected'], [1, 'registered']]);
    await agent.close();
    await waitFor('offline', async () => (await presence(id))['state'] === 'offline');
    expect(await presence(id)).toMatchObject({ reason: 'agent_closed' });
  });

  it('keeps id and unmentioned fields over a reconnect, clears by null, renames', async () => {
    const first = await AgentClient.open(running.url, key.key);
    const before = await first.register('agent-2', 'two', { region: 'eu', hostname: 'h' });
    await first.close(1001);
    const second = await AgentClient.open(running.url, key.key);
    const after = await second.register('agent-2', 'two-b', { region: null });
    expect(after).toMatchObject({ cluster_id: before['cluster_id'], registered_at: before['registered_at'], epoch: 2 });
    expect((await read(after['cluster_id'])).body).toMatchObject({ name: 'two-b', region: null, hostname: 'h' });
    const other = await AgentClient.open(running.url, key.key);
    await other.register('agent-2x', 'two');
    await Promise.all([second.close(), other.close()]);
  });

  it('binds by heartbeat after a reconnect, without register', async () => {
    const first = await AgentClient.open(running.url, key.key);
    const { cluster_id } = await first.register('agent-3');
    first.socket.terminate();
    await waitFor('stale', async () => (await presence(cluster_id))['reason'] === 'connection_lost');
    const second = await AgentClient.open(running.url, key.key);
    expect((await second.ask('heartbeat', { cluster_id })).type).toBe('heartbeat_ack');
    expect(await presence(cluster_id)).toMatchObject({ state: 'online', reason: 'heartbeat' });
    await second.close();
  });

  it('binds by hints in the query, and ignores wrong ones', async () => {
    const first = await AgentClient.open(running.url, key.key);
    const { cluster_id } = await first.register('agent-4');
    await first.close();
    const second = await AgentClient.open(running.url, key.key, { query: `?cluster_id=${String(cluster_id)}&agent_id=agent-4` });
    expect((await second.ask('heartbeat', {})).type).toBe('heartbeat_ack');
    const third = await AgentClient.open(running.url, key.key, { query: `?cluster_id=${String(cluster_id)}&agent_id=else` });
    expect((await third.ask('heartbeat', {})).payload).toEqual({ error: 'cluster not registered: send register first' });
    expect(second.received).toHaveLength(1);
    await Promise.all([second.close(), third.close()]);
  });

  it('rebinds a socket to another agent; the first cluster goes offline', async () => {
    const agent = await AgentClient.open(running.url, key.key);
    const { cluster_id } = await agent.register('agent-5a');
    const second = await agent.register('agent-5b');
    await waitFor('rebound', async () => (await presence(cluster_id))['reason'] === 'rebound');
    expect(await presence(cluster_id)).toMatchObject({ state: 'offline' });
    expect(await presence(second['cluster_id'])).toMatchObject({ state: 'online' });
    await agent.close();
  });

  it('a newer socket replaces the older one, which gets 4409', async () => {
    const first = await AgentClient.open(running.url, key.key);
    const { cluster_id } = await first.register('agent-6');
    const second = await AgentClient.open(running.url, key.key);
    expect(await second.register('agent-6')).toMatchObject({ cluster_id, epoch: 2 });
    expect((await first.closed).code).toBe(4409);
    expect(await presence(cluster_id)).toMatchObject({ state: 'online', reason: 'registered' });
    const events = await http('GET', `/api/v1/clusters/${String(cluster_id)}/events?limit=1`, viewer.headers);
    expect(events.body['data']).toMatchObject([{ kind: 'replaced', epoch: 2 }]);
    await second.close();
  });

  it('registrations of one agent at once get one id, each its answer', async () => {
    const agents = await Promise.all(Array.from({ length: 8 }, () => AgentClient.open(running.url, key.key)));
    const answers = await Promise.all(agents.map((agent) => agent.register('agent-race')));
    expect(new Set(answers.map(({ cluster_id }) => cluster_id)).size).toBe(1);
    expect(answers.map(({ epoch }) => epoch).sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    const codes = Promise.all(agents.map(async (agent) => (await agent.closed).code));
    await waitFor('one left', () => agents.filter(({ socket }) => socket.readyState === 1).length === 1);
    for (const { socket } of agents) if (socket.readyState === 1) socket.close(1000);
    expect((await codes).sort()).toEqual([1000, ...Array.from({ length: 7 }, () => 4409)]);
  });

  it('of several agents with one name exactly one wins', async () => {
    const agents = await Promise.all(Array.from({ length: 5 }, () => AgentClient.open(running.url, key.key)));
    const answers = await Promise.all(agents.map((agent, index) => agent.ask('register', { agent_id: `named-${index}`, name: 'same name' })));
    expect(answers.filter(({ type }) => type === 'register_success')).toHaveLength(1);
    for (const { type, payload } of answers) if (type === 'error') expect(payload).toEqual({ error: 'cluster name is already used by another agent' });
    await Promise.all(agents.map((agent) => agent.close()));
  });
});

describe('refusals before the upgrade', () => {
  it.each([
    ['/ws', 404], ['/api/v1/clusters/agent/wsx', 404], [`${WS}/extra`, 404], ['/api/v1/clusters/agent', 404],
  ])('%s: %d', async (path, status) => {
    expect(await refusedUpgrade(running.url, path, key.headers)).toMatchObject({ status, body: { success: false, code: 'ROUTE_NOT_FOUND' } });
  });

  it('426 without an upgrade or with another version, 400 for a bad key', async () => {
    const plain = await http('GET', WS);
    expect(plain).toMatchObject({ status: 426, body: { code: 'UPGRADE_REQUIRED' } });
    expect([plain.headers.get('upgrade'), plain.headers.get('sec-websocket-version')]).toEqual(['websocket', '13']);
    expect(await refusedUpgrade(running.url, WS, { ...key.headers, 'Sec-WebSocket-Version': '8' })).toMatchObject({ status: 426, headers: { upgrade: 'websocket' } });
    expect((await refusedUpgrade(running.url, WS, { ...key.headers, 'Sec-WebSocket-Key': 'x' })).status).toBe(400);
  });

  it('403 for a page, before the key is looked at', async () => {
    expect(await refusedUpgrade(running.url, WS, { Origin: 'https://evil.example' })).toMatchObject({ status: 403, body: { code: 'FORBIDDEN' } });
  });

  it('401 without a good key, 403 without the scope', async () => {
    const other = await identity.apiKey({ scopes: ['clusters:manage'] });
    const expired = await identity.apiKey({ scopes: ['cluster:register'], expiresAt: new Date(Date.now() - 1000) });
    for (const [headers, query] of [
      [{}, ''], [{ Authorization: 'Basic x' }, ''], [{ Authorization: 'Bearer' }, `?token=${key.key}`], [{}, '?token='], [{}, `?token=${key.key}&token=${key.key}`],
      [{}, `?token[]=${key.key}`], [{}, `?Token=${key.key}`], [{}, '?token=%ff'], [expired.headers, ''], [{ 'X-API-Key': 'afk_unknown_unknown_unknown_x' }, `?token=${key.key}`],
    ] as [Record<string, string>, string][]) {
      expect((await refusedUpgrade(running.url, `${WS}${query}`, headers)).status).toBe(401);
    }
    const forbidden = await refusedUpgrade(running.url, WS, other.headers);
    expect(forbidden.status).toBe(403);
    expect(forbidden.body['error']).toContain('cluster:register');
    const byQuery = await AgentClient.open(running.url, '', { query: '' }).catch((error: Error) => error.message);
    expect(byQuery).toContain('401');
  });

  it('limits of a key: connections and connects a minute', async () => {
    const single = await identity.apiKey({ scopes: ['cluster:register'], limits: { maxConnections: 1 } });
    const first = await AgentClient.open(running.url, single.key);
    const { cluster_id } = await first.register('limited');
    expect(await refusedUpgrade(running.url, WS, single.headers)).toMatchObject({ status: 429, headers: { 'retry-after': '10' }, body: { code: 'CONNECTION_LIMIT' } });
    for (let i = 0; i < 3; i++) {
      const hints = `?cluster_id=${String(cluster_id)}&agent_id=limited`;
      expect(await refusedUpgrade(running.url, `${WS}${hints}`, { ...single.headers, 'Sec-WebSocket-Protocol': 'a, a' })).toMatchObject({ status: 400, body: { success: false } });
    }
    const successor = await AgentClient.open(running.url, single.key, { query: `?cluster_id=${String(cluster_id)}&agent_id=limited` });
    expect((await first.closed).code).toBe(4409);
    await successor.close();
    const again = await waitFor('the slot', () => AgentClient.open(running.url, single.key));
    await again.close();
    const rated = await identity.apiKey({ scopes: ['cluster:register'], limits: { connectsPerMinute: 2 } });
    for (let i = 0; i < 2; i++) await (await AgentClient.open(running.url, rated.key)).close();
    const refused = await refusedUpgrade(running.url, WS, rated.headers);
    expect(refused).toMatchObject({ status: 429, body: { code: 'RATE_LIMITED' } });
    expect(Number(refused.headers['retry-after'])).toBeGreaterThanOrEqual(50);
  });
});

describe('bad messages', () => {
  it('get exactly one error each, in order, and the socket stays open', async () => {
    const agent = await AgentClient.open(running.url, key.key);
    const bad: [unknown, string, string?][] = [
      ['', 'the message is empty; send one JSON object'],
      ['{', 'the message is not valid JSON'],
      ['{} {}', 'the message is not valid JSON'],
      ['[]', 'the message must be one JSON object'],
      ['{"payload":{}}', 'type must be a non-empty string'],
      [{ type: '' }, 'type must be a non-empty string'],
      [{ type: 'nope', request_id: 'r1' }, 'unknown message type "nope": send register, heartbeat, status or ping', 'r1'],
      [{ type: '__proto__' }, 'unknown message type "__proto__": send register, heartbeat, status or ping'],
      [{ type: 'constructor' }, 'unknown message type "constructor": send register, heartbeat, status or ping'],
      [{ type: 'Heartbeat', payload: {} }, 'unknown message type "Heartbeat": send register, heartbeat, status or ping'],
      [{ type: 'register_success', payload: {} }, 'unknown message type "register_success": send register, heartbeat, status or ping'],
      [{ type: 'cluster not found' }, 'unknown message type "…": send register, heartbeat, status or ping'],
      ['['.repeat(20_000), 'the message is nested deeper than 64 levels'],
      [{ type: 'register', request_id: 'r2', payload: { name: 'x' } }, 'agent_id is required', 'r2'],
      [{ type: 'register', request_id: 7, payload: {} }, 'request_id must be a string of at most 256 characters'],
      [{ type: 'heartbeat', request_id: 'r3' }, 'payload must be an object', 'r3'],
      [{ type: 'heartbeat', payload: {} }, 'cluster not registered: send register first'],
      [{ type: 'heartbeat', payload: { cluster_id: 'nope' } }, 'cluster not found'],
      [Buffer.alloc(0), 'binary messages must hold JSON or a proxy answer'],
      [Buffer.from('hello'), 'binary messages must hold JSON or a proxy answer'],
    ];
    for (const [message] of bad) agent.send(message);
    agent.send(Buffer.from('{"type":"ping","request_id":"last"}'));
    await waitFor('the last answer', () => agent.received.some(({ request_id }) => request_id === 'last'));
    expect(agent.received.map(({ type, request_id, payload }) => [type, payload['error'], request_id])).toEqual([
      ...bad.map(([, text, requestId]) => ['error', text, requestId]),
      ['pong', undefined, 'last'],
    ]);
    await agent.close();
  });

  it('silent types and answers to nothing are taken without a word', async () => {
    const agent = await AgentClient.open(running.url, key.key);
    for (const type of ['pong', 'protocol_fallback', 'gateway_hello_ack', 'backpressure', 'proxy_response', 'proxy_error', 'stream_data', 'command_ack', 'command_result']) {
      agent.send({ type, payload: { unknown_type: 'x' } });
    }
    const binary = Buffer.concat([Buffer.from([0, 1, 0x61, 0, 0, 0, 200, 0, 0, 0, 4]), Buffer.from('nullbody')]);
    agent.send(binary);
    await agent.ask('ping', {});
    expect(agent.received).toHaveLength(1);
    await agent.close();
  });

  it('an agent that does not know a type of ours is never sent it again; others are', async () => {
    const [agent, other] = [await AgentClient.open(running.url, key.key), await AgentClient.open(running.url, key.key)];
    for (const unknown_type of ['pong', 'pong', 'error', 'of the agent itself', 5, undefined]) agent.send({ type: 'protocol_fallback', payload: { unknown_type } });
    agent.send({ type: 'ping', request_id: 'unanswered' });
    agent.send('odd');
    await waitFor('an error all the same', () => agent.received.some(({ type }) => type === 'error'));
    await agent.register('fallback');
    expect((await agent.ask('heartbeat', {})).type).toBe('heartbeat_ack');
    expect((await other.ask('ping', {})).type).toBe('pong');
    expect(agent.received.map(({ request_id }) => request_id)).not.toContain('unanswered');
    expect((await http('GET', '/metrics')).text).toContain('cluster_unknown_types_total{type="pong"} 1');
    await Promise.all([agent.close(), other.close()]);
  });

  it('a wrong agent_id keeps the binding; another organization is unknown', async () => {
    const agent = await AgentClient.open(running.url, key.key);
    const { cluster_id } = await agent.register('agent-7');
    expect((await agent.ask('heartbeat', { cluster_id, agent_id: 'else' })).payload['error']).toBe('agent_id does not match the cluster');
    expect((await agent.ask('heartbeat', {})).type).toBe('heartbeat_ack');
    const foreign = await identity.apiKey({ scopes: ['cluster:register'], orgId: await identity.organization() });
    const stranger = await AgentClient.open(running.url, foreign.key);
    expect((await stranger.ask('heartbeat', { cluster_id })).payload['error']).toBe('cluster not found');
    expect((await stranger.ask('register', { agent_id: 'agent-7', name: 'agent-7', cluster_id })).payload['cluster_id']).not.toBe(cluster_id);
    await Promise.all([agent.close(), stranger.close()]);
  });

  it('an over-long message closes 1009 and is told as such', async () => {
    const agent = await AgentClient.open(running.url, key.key);
    const { cluster_id } = await agent.register('agent-8');
    agent.send('x'.repeat(1_048_577));
    expect((await agent.closed).code).toBe(1009);
    await waitFor('the reason', async () => (await presence(cluster_id))['reason'] === 'message_too_big');
  });
});

describe('HTTP of older agents', () => {
  const base = '/api/v1/clusters/agent';

  it('registers, reports, polls', async () => {
    const registered = await http('POST', `${base}/register`, key.headers, { agent_id: 'old-1', name: 'old one' });
    const id = String(registered.body['cluster_id']);
    expect(registered).toMatchObject({ status: 200, body: { success: true, status: 'registered', cluster: { id, agent_id: 'old-1' }, data: { cluster_id: id } } });
    expect((await http('POST', `${base}/register`, key.headers, { agent_id: 'old-1', name: 'old one' })).body['cluster_id']).toBe(id);
    expect(await presence(id)).toMatchObject({ state: 'online', reason: 'registered' });
    expect((await read(id)).body).toMatchObject({ transport: 'http', connection: null });
    expect(await http('POST', `${base}/${id}/heartbeat`, key.headers, { status: 'available' })).toMatchObject({ status: 200, body: { success: true, cluster_id: id } });
    expect(await http('GET', `${base}/${id}/poll`, key.headers)).toMatchObject({ status: 200, body: { commands: [], poll_interval_seconds: 30 } });
    expect(await http('GET', `${base}/${id}/tunnel-info`, key.headers)).toMatchObject({
      status: 200, body: { success: true, agent_id: 'old-1', tunnel_status: 'disconnected', websocket_url: `wss://fleet.example.com${WS}`, forwards: [] },
    });
  });

  it('refuses in the contract\'s words', async () => {
    const taken = await http('POST', `${base}/register`, key.headers, { agent_id: 'thief', name: 'old one' });
    expect(taken).toMatchObject({ status: 409, body: { success: false, code: 'NAME_TAKEN' } });
    expect(JSON.stringify(taken.body)).not.toContain('cluster_id');
    expect(await http('POST', `${base}/register`, key.headers, { agent_id: 'x' })).toMatchObject({
      status: 400, body: { success: false, error: 'name is required', code: 'VALIDATION_FAILED', details: [{ field: 'name', problem: 'is required' }] },
    });
    expect(await http('POST', `${base}/register`, key.headers, '{')).toMatchObject({ status: 400, body: { code: 'MALFORMED_JSON' } });
    expect(await http('POST', `${base}/register`, {}, {})).toMatchObject({ status: 401, body: { code: 'UNAUTHENTICATED' } });
    expect(await http('POST', `${base}/register`, editor.headers, {})).toMatchObject({ status: 403, body: { code: 'FORBIDDEN' } });
    for (const id of ['nope', '%00', 'x'.repeat(2000), '00000000-0000-4000-8000-000000000000']) {
      expect(await http('POST', `${base}/${id}/heartbeat`, key.headers, { status: 5 })).toMatchObject({ status: 404, body: { error: 'cluster not found', code: 'CLUSTER_NOT_FOUND' } });
    }
    expect((await http('POST', `${base}/%zz/heartbeat`, key.headers, {})).status).toBe(400);
  });
});

describe('management', () => {
  it('lists with filters, hides other organizations, asks for the right scopes', async () => {
    const agent = await AgentClient.open(running.url, key.key);
    await agent.register('listed-1', 'list one', { labels: { team: 'a', env: 'x' }, features: { commands: true } });
    await http('POST', '/api/v1/clusters/agent/register', key.headers, { agent_id: 'listed-2', name: 'list two', labels: { team: 'b' } });
    const names = async (query: string) => {
      const { status, body } = await http('GET', `/api/v1/clusters?${query}`, viewer.headers);
      return status === 200 ? (body['data'] as { name: string }[]).map(({ name }) => name) : body['code'];
    };
    expect(await names('name=list')).toEqual(['list one', 'list two']);
    expect(await names('name=list&label=team=a&label=env=x')).toEqual(['list one']);
    expect(await names('name=list&transport=http')).toEqual(['list two']);
    expect(await names('feature=commands&name=list&presence=online')).toEqual(['list one']);
    expect(await names('agent_id=listed-2')).toEqual(['list two']);
    expect(await names('name=l.st')).toEqual([]);
    expect(await names('name=list&limit=1&page=2')).toEqual(['list two']);
    expect(await names('presence[$ne]=online')).toBe('VALIDATION_FAILED');
    expect(await names('presence=x')).toBe('VALIDATION_FAILED');
    expect(await names('updated_after=yesterday')).toBe('VALIDATION_FAILED');
    expect(await names('updated_after=2099-02-30T00:00:00Z')).toBe('VALIDATION_FAILED');
    for (const field of ['name', 'agent_id', 'feature', 'label', 'presence', 'transport', 'sort']) expect([field, await names(`${field}=%00`)]).toEqual([field, 'VALIDATION_FAILED']);
    const stranger = await identity.user({ roles: ['organization.owner'], orgId: await identity.organization() });
    expect((await http('GET', '/api/v1/clusters', stranger.headers)).body).toEqual({ data: [], pagination: { page: 1, limit: 10, total: 0 } });
    expect((await http('GET', '/api/v1/clusters', key.headers)).status).toBe(403);
    expect((await http('GET', '/api/v1/clusters')).status).toBe(401);
    await agent.close();
  });

  it('deletes: socket 4410, audit, the agent comes back as a new cluster', async () => {
    const agent = await AgentClient.open(running.url, key.key);
    const { cluster_id } = await agent.register('deleted');
    expect((await http('DELETE', `/api/v1/clusters/${String(cluster_id)}`, viewer.headers)).status).toBe(403);
    expect((await http('DELETE', `/api/v1/clusters/${String(cluster_id)}`, editor.headers)).status).toBe(204);
    expect((await agent.closed).code).toBe(4410);
    expect((await http('DELETE', `/api/v1/clusters/${String(cluster_id)}`, editor.headers)).status).toBe(404);
    expect(await fleet.database.db.collection('audit_log').countDocuments({ action: 'cluster.delete', 'target.id': cluster_id, 'actor.id': editor.id })).toBe(1);
    const again = await AgentClient.open(running.url, key.key);
    expect((await again.ask('heartbeat', { cluster_id })).payload['error']).toBe('cluster not found');
    expect((await again.register('deleted'))['cluster_id']).not.toBe(cluster_id);
    await again.close();
  });

  it('health and metrics', async () => {
    for (const path of ['/health', '/api/v1/health']) {
      expect(await http('GET', path)).toMatchObject({ status: 200, body: { status: 'ok', service: 'cluster-agent', replica_id: running.replicaId, checks: { mongodb: 'up', redis: 'up' } } });
    }
    const { text } = await http('GET', '/metrics');
    expect(text).toMatch(/cluster_messages_total\{type="register",result="ok"\} \d+/);
    expect(text).toMatch(/cluster_presence\{state="online"\} \d+/);
    expect(text).toContain('cluster_upgrades_total{result="unauthenticated"}');
  });
});
