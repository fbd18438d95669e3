import { rm, writeFile } from 'node:fs/promises';
import type { RunningApp } from '@agentfleet/platform';
import { waitFor } from '@agentfleet/testing';
import { ask, Client, newSession, TestGateway } from './gateway.fixture';

let gateway: TestGateway;
let replica: RunningApp;

beforeAll(async () => {
  gateway = await TestGateway.create({ GATEWAY_RATE_LIMIT_PER_SECOND: '0' });
  replica = await gateway.boot();
});
afterAll(() => gateway.close());

const get = (path: string, headers?: Record<string, string>) => ask(replica, 'GET', path, undefined, headers);
const post = (path: string, body?: unknown, headers?: Record<string, string>) => ask(replica, 'POST', path, body, headers);

describe('runs over REST', () => {
  it('start, are shown, list newest first, keep input, output, metadata and limits', async () => {
    const id = await newSession(replica, { limits: { max_iterations: 10, max_seconds: 100 } });
    const started = await post(`/api/v1/sessions/${id}/runs`, { user_input: 'Hello', max_iterations: 20, limits: { max_seconds: 50 }, metadata: { $a: 1 }, context: { c: 1 } });
    expect(started.status).toBe(202);
    expect(started.headers.get('location')).toBe(`/sessions/${id}/runs/${started.body['run_id']}`);
    expect(started.body).toMatchObject({ session_id: id, attempt: 1, first_seq: 1, engine: 'local', limits: { max_iterations: 10, max_seconds: 50 }, metadata: { $a: 1 } });
    const path = `/sessions/${id}/runs/${started.body['run_id']}`;
    const done = await waitFor('the end', async () => {
      const { body } = await get(path);
      return body['state'] === 'succeeded' ? body : null;
    });
    expect(done).toMatchObject({ reason: 'stop', output: expect.stringContaining('Hello'), iteration: 1, error: null });
    expect(done['usage']).toMatchObject({ model_calls: 1, estimated: false, cost_usd: null });
    await post(`/sessions/${id}/runs`, { user_input: 'Second' });
    const runs = (await get(`/sessions/${id}/runs?limit=1`)).body;
    expect(runs['next_cursor']).toBeDefined();
    expect((await get(`/sessions/${id}/runs?limit=1&cursor=${runs['next_cursor']}`)).body['runs']).toMatchObject([{ run_id: started.body['run_id'] }]);
  });

  it.each<[string, unknown]>([
    ['user_input', {}],
    ['user_input', { user_input: ' ' }],
    ['max_iterations', { user_input: 'x', max_iterations: true }],
    ['context', { user_input: 'x', context: [] }],
  ])('refuse a wrong %s', async (field, body) => {
    const answer = await post(`/sessions/${await newSession(replica)}/runs`, body);
    expect([answer.status, answer.body['errors']]).toMatchObject([422, [{ field }]]);
  });

  it('refuse a cost limit that could not be kept', async () => {
    const answer = await post(`/sessions/${await newSession(replica)}/runs`, { user_input: 'x', limits: { max_cost_usd: 1 } });
    expect([answer.status, answer.body['code']]).toEqual([422, 'price_unknown']);
  });
});

describe('events over REST', () => {
  it('page by position, and refuse positions that are none', async () => {
    const id = await newSession(replica);
    const client = await Client.open(replica, id);
    client.execute('go [[steps=3]]');
    await client.complete();
    const collected: unknown[] = [];
    for (let cursor = '0'; cursor !== ''; ) {
      const { body } = await get(`/sessions/${id}/events?limit=4&cursor=${cursor}`);
      if (!Array.isArray(body['events'])) throw new Error('no list');
      collected.push(...body['events'].map((event) => event.seq));
      cursor = typeof body['next_cursor'] === 'string' ? body['next_cursor'] : '';
    }
    expect(collected).toEqual(client.seqs);
    expect((await get(`/sessions/${id}/events?after_seq=9999`)).body).toMatchObject({ events: [], last_seq: client.events.length });
    expect((await ask(replica, 'HEAD', `/sessions/${id}/events/stream`)).status).toBe(200);
    for (const position of ['-1', '1.5', 'x', '']) expect((await get(`/sessions/${id}/events?after_seq=${position}`)).status).toBe(422);
    client.close();
  });
});

describe('frames on the socket', () => {
  it('each bad one gets one error, starts nothing, and leaves the connection usable', async () => {
    const client = await Client.open(replica, await newSession(replica));
    const cases: [string | Buffer, string][] = [
      ['{', 'Invalid JSON'],
      ['', 'Invalid JSON'],
      ['[]', 'Invalid JSON'],
      ['"x"', 'Invalid JSON'],
      ['['.repeat(20_000), 'Invalid JSON'],
      ['{"action":"dance"}', 'Unknown action: dance'],
      ['{"action":"__proto__"}', 'Unknown action: __proto__'],
      ['{"action":"constructor"}', 'Unknown action: constructor'],
      ['{"action":5}', 'Unknown action: 5'],
      [`{"action":"${'y'.repeat(100)}"}`, `Unknown action: ${'y'.repeat(64)}`],
      ['{"action":"execute"}', 'Empty user_input'],
      ['{"action":"execute","user_input":"  "}', 'Empty user_input'],
      ['{"action":"execute","user_input":"x","max_iterations":"5"}', 'max_iterations must be a whole number from 1 to 1000'],
      ['{"action":"resume","after_seq":-1}', 'after_seq must be a whole number of at least 0'],
      [Buffer.from('{"action":"ping"}'), 'Binary frames are not accepted; send JSON as text'],
    ];
    for (const [frame] of cases) client.socket.send(frame);
    await waitFor('the answers', () => client.received.length === cases.length);
    expect(client.received.map(({ frame }) => [frame.type, frame.data['message'], frame.data['code']])).toEqual(cases.map(([, message]) => ['error', message, 'bad_frame']));
    expect(client.received[5]?.frame.data).toMatchObject({ field: 'action', known_actions: ['execute', 'resume', 'cancel', 'ping'] });
    client.execute('Hello');
    expect((await client.complete()).frame.data).toMatchObject({ completed: true });
    client.close();
  });

  it('too many close the connection with 1008, a too large one with 1009', async () => {
    const id = await newSession(replica);
    const noisy = await Client.open(replica, id);
    for (let n = 0; n < 201; n++) noisy.send('{');
    expect(await waitFor('the close', () => noisy.closed)).toMatchObject({ code: 1008 });
    const large = await Client.open(replica, id);
    large.execute('x'.repeat(5 * 1024 * 1024));
    expect(await waitFor('the close', () => large.closed)).toMatchObject({ code: 1009 });
  });

  it('no frame of ours is larger than clients take', async () => {
    const id = await newSession(replica);
    const client = await Client.open(replica, id);
    client.execute(`${'\u0001'.repeat(400_000)} [[chunks=1]]`);
    await client.complete();
    client.execute(`echo ${'\u0001'.repeat(400_000)}`);
    await client.complete(2);
    expect(Math.max(...client.received.map(({ text }) => Buffer.byteLength(text)))).toBeLessThan(900_000);
    const text = client.events.map(({ frame }) => (frame.type === 'text' ? frame.data['text'] : '')).join('');
    expect(text).toContain('\u0001'.repeat(400_000));
    client.close();
  });
});

describe('limits and failures of a run', () => {
  async function run(input: string, more: Parameters<Client['execute']>[1] = {}): Promise<Client> {
    const client = await Client.open(replica, await newSession(replica));
    client.execute(input, more);
    await client.complete();
    client.close();
    return client;
  }

  it('max_iterations: the worked example of the contract', async () => {
    const client = await run('go [[steps=6]]', { max_iterations: 2 });
    expect(client.types).toEqual(['session_info', 'text', 'tool_call', 'tool_result', 'text', 'iteration_end', 'tool_call', 'tool_result', 'text', 'iteration_end', 'query_complete']);
    const end = client.received.at(-1)?.frame.data;
    expect(end).toMatchObject({ completed: false, cancelled: false, reason: 'max_iterations', iterations: 2, usage: { model_calls: 3 } });
  });

  it('max_seconds ends a run in the middle of an answer', async () => {
    const client = await run('go [[steps=1 delay_ms=30000]]', { limits: { max_seconds: 1 } });
    expect(client.types).toEqual(['session_info', 'query_complete']);
    expect(client.received.at(-1)?.frame.data).toMatchObject({ completed: false, reason: 'max_seconds' });
  });

  it('an error of the model is told, and the next run works', async () => {
    const client = await Client.open(replica, await newSession(replica));
    client.execute('[[fail=401]]');
    const end = await client.complete();
    expect(client.types).toEqual(['session_info', 'error', 'query_complete']);
    expect(client.received.find(({ frame }) => frame.type === 'error')?.frame.data).toMatchObject({ code: 'model_auth', retryable: false });
    expect(end.frame.data).toMatchObject({ completed: false, reason: 'error' });
    client.execute('Hello');
    expect((await client.complete(2)).frame.data).toMatchObject({ completed: true });
    client.close();
  });

  it('a workspace that cannot be used ends the run, not the replica', async () => {
    const id = await newSession(replica);
    const directory = String((await get(`/sessions/${id}`)).body['workspace_dir']);
    await rm(directory, { recursive: true });
    await writeFile(directory, 'a file');
    const client = await Client.open(replica, id);
    client.execute('Hello');
    await client.complete();
    expect(client.types).toEqual(['session_info', 'error', 'query_complete']);
    expect((await get(`/sessions/${id}/status`)).body).toMatchObject({ status: 'error', error: { code: 'workspace_unavailable' } });
    client.close();
  });

  it('a denied tool is not offered', async () => {
    const client = await Client.open(replica, await newSession(replica, { tool_policy: { default: 'auto', tools: { 'List*': 'deny' } } }));
    client.execute('[[steps=1 tool=ListDir]]');
    await client.complete();
    expect(client.events[0]?.frame.data['tools']).toEqual(['ReadFile']);
    expect(client.received.find(({ frame }) => frame.type === 'tool_result')?.frame.data).toMatchObject({ is_error: true, outcome: 'error' });
    client.close();
  });
});

describe('GET /health', () => {
  it('counts sessions exactly', async () => {
    const before = Number((await get('/health')).body['sessions_active']);
    const ids = await Promise.all([1, 2, 3].map(() => newSession(replica)));
    expect((await get('/health')).body).toEqual({ status: 'healthy', version: expect.any(String), sessions_active: before + 3 });
    await ask(replica, 'DELETE', `/sessions/${ids[0]}`);
    expect((await get('/api/v1/health')).body).toEqual({ status: 'healthy', version: expect.any(String), sessions_active: before + 2, timestamp: expect.any(String) });
  });

  it('names the models', async () => {
    expect((await get('/models')).body).toEqual({ models: [{ name: 'scripted (no model configured)', provider: 'openai-compatible', default: true, prices: null }] });
  });

  it('shows metrics', async () => {
    const { text } = await get('/metrics');
    expect(text).toMatch(/gateway_sessions \d+/);
    expect(text).toContain('gateway_runs_total{engine="local",reason="stop"}');
    expect(text).toContain('gateway_events_total{type="session_info"}');
    for (const direction of ['input', 'output']) expect(text).toMatch(new RegExp(`gateway_model_tokens_total\\{model="scripted [^"]*",direction="${direction}"\\} [1-9]`));
  });
});
