import { StackProcess, waitFor, type StackFile } from '@agentfleet/testing';
import { WebSocket } from 'ws';

/** `kill -9` of an app, in the middle of its work, with two replicas of AIWM and of the gateway. */
let stack: StackProcess;
let file: StackFile;
let admin: Record<string, string>;

beforeAll(async () => {
  stack = await StackProcess.create({ flags: ['--replicas', 'aiwm=2,execution-gateway=2'] });
  file = await stack.start();
  const login = await ask(file.urls.aiwm, 'POST', '/auth/login', { username: file.admin.email, password: file.admin.password });
  admin = { Authorization: `Bearer ${String(login.body['accessToken'])}` };
});
afterAll(() => stack.dispose());

async function ask(base: string, method: string, path: string, body?: object, headers: Record<string, string> = {}) {
  const response = await fetch(`${base}${path}`, {
    method,
    headers: { ...(body ? { 'Content-Type': 'application/json' } : {}), ...headers },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  const parsed: Record<string, unknown> = JSON.parse((await response.text()) || '{}');
  return { status: response.status, body: parsed };
}

function replicas(app: 'aiwm' | 'execution_gateway') {
  const list = stack.file()?.replicas?.[app] ?? [];
  expect(list).toHaveLength(2);
  return list;
}

async function killAndWait(app: 'aiwm' | 'execution_gateway', index: number): Promise<void> {
  const { url, pid } = replicas(app)[index]!;
  process.kill(pid, 'SIGKILL');
  await waitFor('a new process', () => replicas(app)[index]?.pid !== pid, { timeoutMs: 20_000 });
  await waitFor('readiness', async () => (await fetch(`${url}/health/ready`)).ok, { timeoutMs: 30_000 });
}

test('AIWM: every acknowledged agent, connect and heartbeat is there after kill -9', async () => {
  const [first, second] = replicas('aiwm').map(({ url }) => url) as [string, string];
  const ids: string[] = [];
  for (let i = 0; i < 10; i++) {
    const made = await ask(first, 'POST', '/agents', { name: `agent ${i}` }, admin);
    expect(made.status).toBe(201);
    ids.push(String(made.body['_id']));
  }
  const id = ids[0]!;
  const { secret } = (await ask(first, 'POST', `/agents/${id}/credentials/regenerate`, {}, admin)).body;
  const connected = await ask(first, 'POST', `/agents/${id}/connect`, { secret });
  const agent = { Authorization: `Bearer ${String(connected.body['token'])}` };
  expect((await ask(first, 'POST', `/agents/${id}/heartbeat`, { status: 'busy' }, agent)).status).toBe(200);
  await waitFor('the heartbeat at the other replica', async () => (await ask(second, 'GET', `/agents/${id}`, undefined, admin)).body['connectionStatus'] === 'busy');
  await killAndWait('aiwm', 0);
  for (const one of ids) expect((await ask(first, 'GET', `/agents/${one}`, undefined, admin)).status).toBe(200);
  expect((await ask(first, 'GET', `/agents/${id}`, undefined, admin)).body).toMatchObject({ connectionStatus: 'busy', connectionCount: 1 });
  expect((await ask(first, 'POST', `/agents/${id}/heartbeat`, { status: 'idle' }, agent)).status).toBe(200);
  expect((await ask(first, 'POST', `/agents/${id}/connect`, { secret })).status).toBe(200);
});

interface Event {
  readonly seq?: number;
  readonly type: string;
  readonly data: Record<string, unknown>;
}

function watch(base: string, session: string, first: object): { events: Event[]; socket: WebSocket } {
  const socket = new WebSocket(`${base.replace('http', 'ws')}/sessions/${session}/execute`, { headers: { 'X-API-Key': file.api_keys.gateway } });
  const events: Event[] = [];
  socket.on('open', () => socket.send(JSON.stringify(first)));
  socket.on('message', (data) => events.push(JSON.parse(String(data))));
  socket.on('error', () => undefined); // the replica is killed under it
  return { events, socket };
}

test('gateway: a run whose replica is killed goes on elsewhere; every event that was seen is in the log', async () => {
  const key = { 'X-API-Key': file.api_keys.gateway };
  const [first, second] = replicas('execution_gateway').map(({ url }) => url) as [string, string];
  const made = await ask(first, 'POST', '/sessions', {}, key);
  const session = String(made.body['session_id']);
  const before = watch(first, session, { action: 'execute', user_input: 'go [[steps=4 delay_ms=400 chunk_ms=100]]' });
  await waitFor('a tool result', () => before.events.some(({ type }) => type === 'tool_result'), { timeoutMs: 20_000 });
  process.kill(replicas('execution_gateway')[0]!.pid, 'SIGKILL');
  const lastSeq = before.events.at(-1)?.seq ?? 0;
  const after = watch(second, session, { action: 'resume', after_seq: lastSeq });
  await waitFor('the end', () => after.events.some(({ type }) => type === 'query_complete'), { timeoutMs: 60_000 });
  after.socket.close();
  const seen = [...before.events, ...after.events];
  expect(seen.map(({ seq }) => seq)).toEqual(seen.map((_, index) => index + 1));
  expect(seen.at(-1)).toMatchObject({ type: 'query_complete', data: { completed: true, reason: 'stop' } });
  expect(seen.some(({ type, data }) => type === 'status' && data['status'] === 'run_recovered')).toBe(true);
  const stored = await ask(second, 'GET', `/sessions/${session}/events?limit=1000`, undefined, key);
  expect(stored.body['events']).toEqual(seen);
  const calls = seen.filter(({ type }) => type === 'tool_call').map(({ data }) => data['id']);
  const results = seen.filter(({ type }) => type === 'tool_result').map(({ data }) => data['tool_call_id']);
  expect(new Set(calls).size).toBe(calls.length);
  expect(results.sort()).toEqual(calls.sort());
});
