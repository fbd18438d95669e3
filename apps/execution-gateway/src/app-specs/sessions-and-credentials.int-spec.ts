import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { DEFAULT_ORGANIZATION_ID } from '@agentfleet/contracts';
import type { RunningApp } from '@agentfleet/platform';
import { waitFor, type IdentityFixtures } from '@agentfleet/testing';
import { ask, Client, KEY, newSession, TestGateway } from './gateway.fixture';

let gateway: TestGateway;
let replica: RunningApp;
let identity: IdentityFixtures;

beforeAll(async () => {
  gateway = await TestGateway.create({ GATEWAY_RATE_LIMIT_PER_SECOND: '0' });
  replica = await gateway.boot();
  identity = gateway.identity;
});
afterAll(() => gateway.close());

const get = (path: string, headers?: Record<string, string>) => ask(replica, 'GET', path, undefined, headers);
const post = (path: string, body?: unknown, headers?: Record<string, string>) => ask(replica, 'POST', path, body, headers);

describe('credentials', () => {
  it.each([
    ['GET', '/sessions', undefined],
    ['POST', '/sessions', '{broken'],
    ['GET', '/sessions/unknown', undefined],
    ['POST', '/api/v1/sessions', '{broken'],
    ['DELETE', '/sessions/x', undefined],
    ['GET', '/sessions/x/execute', undefined],
    ['GET', '/models', undefined],
    ['GET', '/nowhere', undefined],
  ])('%s %s without or with wrong ones is exactly 401', async (method, path, body) => {
    const wrong: Record<string, string>[] = [{ 'x-api-key': '' }, { 'x-api-key': 'wrong' }, { 'x-api-key': '', authorization: KEY }];
    for (const headers of wrong) {
      const answer = await ask(replica, method, path, body, headers);
      expect([answer.status, answer.text]).toEqual([401, '{"detail":"Invalid API key"}']);
      expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    }
  });

  it('takes the key as a bearer token too; a non-empty X-API-Key wins', async () => {
    expect((await get('/sessions', { 'x-api-key': '', authorization: `bearer ${KEY}` })).status).toBe(200);
    expect((await get('/sessions', { 'x-api-key': 'wrong', authorization: `Bearer ${KEY}` })).status).toBe(401);
    expect((await get(`/sessions?api_key=${KEY}`, { 'x-api-key': '' })).status).toBe(401);
  });

  it('are asked for on a socket before the upgrade', async () => {
    const id = await newSession(replica);
    for (const headers of [{ 'x-api-key': 'wrong' }, { 'x-api-key': '' }]) await expect(Client.open(replica, id, headers)).rejects.toThrow('HTTP 401');
    await expect(Client.open(replica, 'unknown', { 'x-api-key': 'wrong' })).rejects.toThrow('HTTP 401');
    await expect(Client.open(replica, `${id}?api_key=${KEY}`, {})).rejects.toThrow('HTTP 40');
  });

  it('asks for the right scope, and refuses agents', async () => {
    const reader = await identity.apiKey({ scopes: ['sessions:read'] });
    const headers = { 'x-api-key': reader.key };
    expect((await get('/sessions', headers)).status).toBe(200);
    const refused = await post('/sessions', {}, headers);
    expect([refused.status, refused.body]).toEqual([403, { detail: 'Missing scope sessions:execute', code: 'forbidden' }]);
    const agent = await identity.agentToken();
    expect((await get('/sessions', { 'x-api-key': '', authorization: `Bearer ${agent}` })).status).toBe(403);
  });

  it('a reader may watch on a socket, but not execute', async () => {
    const reader = await identity.apiKey({ scopes: ['sessions:read'] });
    const client = await Client.open(replica, await newSession(replica), { 'x-api-key': reader.key });
    client.execute('Hello');
    expect((await client.frame('error')).frame.data).toMatchObject({ code: 'forbidden' });
    client.send({ action: 'ping' });
    await client.frame('pong');
    client.close();
  });

  it('a revoked key closes its connections, with a notice and without', async () => {
    const sessionId = await newSession(replica);
    const revoked = await identity.apiKey({ scopes: ['sessions:read'] });
    const client = await Client.open(replica, sessionId, { 'x-api-key': revoked.key });
    await identity.revokeApiKey(revoked.id);
    replica.services.bus.notify('key.revoked', { orgId: revoked.orgId, keyId: revoked.id, at: new Date().toISOString() });
    expect(await waitFor('the close', () => client.closed, { timeoutMs: 2000 })).toMatchObject({ code: 1008, reason: 'credential revoked' });
    const unnoticed = await identity.apiKey({ scopes: ['sessions:read'] });
    const [other, fine] = [await Client.open(replica, sessionId, { 'x-api-key': unnoticed.key }), await Client.open(replica, sessionId)];
    await identity.revokeApiKey(unnoticed.id);
    replica.services.identityStore.forgetKey(unnoticed.id); // its cache ends after 30 s by itself
    await replica.services.live.sweep();
    expect(await waitFor('the close', () => other.closed)).toMatchObject({ code: 1008 });
    expect(fine.closed).toBeNull();
    fine.close();
  });

  it('probes and health are public, whatever the credentials', async () => {
    for (const path of ['/health', '/api/v1/health', '/health/live', '/health/ready']) expect((await get(path, { 'x-api-key': 'wrong' })).status).toBe(200);
  });
});

describe('another organization', () => {
  it('sees nothing, and may use the same ids', async () => {
    const orgId = await identity.organization();
    const { key } = await identity.apiKey({ scopes: ['sessions:read', 'sessions:execute'], orgId });
    const headers = { 'x-api-key': key };
    const id = await newSession(replica, { session_id: 'shared-id', user_id: 'mine' });
    for (const path of ['', '/status', '/events', '/runs', '/messages', '/events/stream']) {
      for (const prefix of ['', '/api/v1']) expect((await get(`${prefix}/sessions/${id}${path}`, headers)).text).toBe('{"detail":"Session not found"}');
    }
    for (const prefix of ['', '/api/v1']) {
      expect((await get(`${prefix}/sessions`, headers)).text).toBe('{"sessions":[]}');
      expect((await post(`${prefix}/sessions/${id}/runs`, { user_input: 'x' }, headers)).status).toBe(404);
      expect((await post(`${prefix}/sessions/${id}/cancel`, {}, headers)).status).toBe(404);
      expect((await ask(replica, 'DELETE', `${prefix}/sessions/${id}`, undefined, headers)).status).toBe(404);
    }
    await expect(Client.open(replica, id, headers)).rejects.toThrow('HTTP 404');
    const theirs = await post('/sessions', { session_id: 'shared-id', user_id: 'theirs' }, headers);
    expect(theirs.body).toMatchObject({ session_id: 'shared-id', user_id: 'theirs' });
    expect((await get(`/sessions/${id}`)).body).toMatchObject({ user_id: 'mine' });
    const foreign = join(gateway.directory, 'workspaces', DEFAULT_ORGANIZATION_ID, 'x');
    expect((await post('/sessions', { workspace_dir: foreign }, headers)).status).toBe(400);
  });
});

describe('POST /sessions', () => {
  it('takes no body, {} and null fields', async () => {
    const bare = await ask(replica, 'POST', '/sessions');
    expect(bare.status).toBe(200);
    const answer = await post('/sessions', { user_id: null, metadata: null, engine: null, unknown_field: 1 });
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      session_id: expect.stringMatching(/^sess_[0-9a-f]{24}$/),
      user_id: 'user_gateway',
      workspace_dir: join(gateway.directory, 'workspaces', DEFAULT_ORGANIZATION_ID, String(answer.body['session_id'])),
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      metadata: {},
      engine: 'local',
      model: 'scripted (no model configured)',
      agent_id: null,
      vps_agent: null,
      status: 'idle',
      run_id: null,
      is_live_session: false,
      last_seq: 0,
      limits: { max_iterations: 25 },
      tool_policy: { default: 'auto', tools: {} },
    });
    expect((await get(`/sessions/${answer.body['session_id']}`)).text).toBe(answer.text);
    expect((await get(`/api/v1/sessions/${answer.body['session_id']}`)).text).toBe(answer.text);
  });

  it('keeps any Unicode and any metadata unchanged', async () => {
    const body = { user_id: 'Zoë 🌍 \u202e', metadata: { 'a.b': 1, $set: { x: null }, '': [1] } };
    expect((await post('/sessions', body)).body).toMatchObject(body);
  });

  it('answers the existing session for the same id, 409 when it differs', async () => {
    const first = await post('/sessions', { session_id: 'again', user_id: 'u1', workspace_dir: 'again-dir' });
    expect((await post('/sessions', { session_id: 'again' })).text).toBe(first.text);
    expect((await post('/sessions', { session_id: 'again', user_id: 'u1', workspace_dir: 'again-dir', engine: 'local' })).text).toBe(first.text);
    for (const other of [{ user_id: 'u2' }, { workspace_dir: 'else' }, { engine: 'remote' }]) {
      const taken = await post('/sessions', { session_id: 'again', ...other });
      expect([taken.status, taken.body['code']]).toEqual([409, 'session_id_taken']);
    }
    const many = await Promise.all(Array.from({ length: 8 }, () => post('/sessions', { session_id: 'at-once' })));
    expect(new Set(many.map((answer) => answer.text)).size).toBe(1);
  });

  it.each<[number, string, unknown]>([
    [422, 'validation_failed', { user_id: 5 }],
    [422, 'validation_failed', { user_id: '' }],
    [422, 'validation_failed', { session_id: '../x' }],
    [422, 'validation_failed', { engine: 'fast' }],
    [422, 'validation_failed', { engine: 'remote' }],
    [422, 'validation_failed', { agent_id: 'a1' }],
    [422, 'validation_failed', { model: 'gpt-none' }],
    [422, 'validation_failed', { tool_policy: { default: 'ask' } }],
    [422, 'validation_failed', { limits: { max_iterations: '5' } }],
    [422, 'validation_failed', []],
    [422, 'validation_failed', '"text"'],
    [400, 'malformed_json', '{'],
  ])('answers %i %s to %j', async (status, code, body) => {
    const answer = await post('/sessions', body);
    expect([answer.status, answer.body['code']]).toEqual([status, code]);
    expect(typeof answer.body['detail']).toBe('string');
    if (code === 'validation_failed') expect(Array.isArray(answer.body['errors'])).toBe(true);
    if (code === 'malformed_json') expect(answer.body['detail']).toMatch(/^Invalid JSON: /);
  });

  it('names what is not available yet', async () => {
    const answer = await post('/sessions', { engine: 'vps', vps_agent: 'x' });
    expect(answer.body).toMatchObject({ detail: 'engine "vps" is not available in this version; use "local"', errors: [{ field: 'engine' }] });
  });

  it('refuses other types than JSON and bodies that are too large', async () => {
    expect((await post('/sessions', 'a=b', { 'content-type': 'application/x-www-form-urlencoded' })).body).toMatchObject({ code: 'unsupported_media_type' });
    expect((await post('/sessions', { metadata: { x: 'y'.repeat(1024 * 1024) } })).body).toMatchObject({ code: 'too_large' });
  });
});

describe('workspaces', () => {
  const root = () => join(gateway.directory, 'workspaces', DEFAULT_ORGANIZATION_ID);

  it('may be named below the own directory, relative or absolute, and shared', async () => {
    for (const [given, kept] of [['mine', join(root(), 'mine')], ['a/../b//c/', join(root(), 'b/c')], [join(root(), 'abs'), join(root(), 'abs')], ['mine', join(root(), 'mine')]]) {
      expect((await post('/sessions', { workspace_dir: given })).body).toMatchObject({ workspace_dir: kept });
    }
  });

  it('never lie outside, not by a link either', async () => {
    await mkdir(root(), { recursive: true });
    await symlink('/tmp', join(root(), 'link'));
    for (const given of ['..', '.', '', '../x', '/etc', '/', `${root()}-evil`, root(), 'link', 'link/new', join(gateway.directory, 'workspaces')]) {
      const answer = await post('/sessions', { workspace_dir: given });
      if (given === '') expect(answer.status).toBe(422);
      else expect([given, answer.status, answer.body]).toEqual([given, 400, { detail: 'Workspace path must remain under the workspace root', code: 'workspace_outside_root' }]);
    }
    expect((await post('/sessions', { workspace_dir: 'a\u0000b' })).status).toBe(422);
  });
});

describe('GET /sessions', () => {
  it('pages newest first, exactly, by user', async () => {
    const ids: string[] = [];
    for (let n = 0; n < 5; n++) ids.unshift(await newSession(replica, { user_id: 'pager' }));
    const seen: unknown[] = [];
    let cursor = '';
    for (let pages = 1; ; pages++) {
      const { body } = await get(`/sessions?user_id=pager&limit=2${cursor && `&cursor=${cursor}`}`);
      const items = body['sessions'];
      if (!Array.isArray(items)) throw new Error('no list');
      seen.push(...items.map((item) => item.session_id));
      if (body['next_cursor'] === undefined) {
        expect(pages).toBe(3);
        break;
      }
      cursor = String(body['next_cursor']);
    }
    expect(seen).toEqual(ids);
    expect((await get('/sessions?user_id=page')).text).toBe('{"sessions":[]}');
    expect((await get('/sessions?status=running&user_id=pager')).text).toBe('{"sessions":[]}');
    expect((await get('/sessions?status=idle&user_id=pager&limit=5')).body['sessions']).toHaveLength(5);
  });

  it.each(['limit=0', 'limit=1001', 'limit=x', 'limit=1&limit=2', 'user_id[$ne]=x', 'user_id=a%00', 'cursor=nonsense', 'status=sleeping'])('refuses ?%s', async (query) => {
    const answer = await get(`/sessions?${query}`);
    expect([answer.status, answer.body['code']]).toEqual([422, 'validation_failed']);
  });

  it('ignores parameters that it does not know', async () => {
    expect((await get('/sessions?foo=1&foo=2')).status).toBe(200);
  });
});

describe('unknown things', () => {
  it.each(['unknown', '__proto__', 'a b', '%2e%2e', 'x'.repeat(200)])('session %j is not found', async (id) => {
    for (const path of ['', '/status', '/events', '/runs', '/messages']) {
      const answer = await get(`/sessions/${encodeURIComponent(id)}${path}`);
      expect([answer.status, answer.text]).toEqual([404, '{"detail":"Session not found"}']);
    }
    await expect(Client.open(replica, encodeURIComponent(id))).rejects.toThrow('HTTP 404');
  });

  it('a run of a known session, an unknown route', async () => {
    const id = await newSession(replica);
    expect((await get(`/sessions/${id}/runs/run_none`)).body).toEqual({ detail: 'Run not found', code: 'run_not_found' });
    expect((await get('/api/v1/nowhere')).body).toEqual({ detail: 'Not Found', code: 'not_found' });
  });

  it('a plain GET on the socket path is told to upgrade', async () => {
    const answer = await get(`/sessions/${await newSession(replica)}/execute`);
    expect([answer.status, answer.body['code'], answer.headers.get('upgrade')]).toEqual([426, 'upgrade_required', 'websocket']);
  });
});
