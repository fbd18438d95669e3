import type { RunningApp } from '@agentfleet/platform';
import { waitFor } from '@agentfleet/testing';
import { ask, Client, newSession, range, TestGateway } from './gateway.fixture';

let gateway: TestGateway;
let a: RunningApp;
let b: RunningApp;
const clients: Client[] = [];

beforeAll(async () => {
  gateway = await TestGateway.create({ GATEWAY_RATE_LIMIT_PER_SECOND: '0' });
  [a, b] = await Promise.all([gateway.boot(), gateway.boot()]);
});
afterEach(() => clients.splice(0).forEach((client) => client.close()));
afterAll(() => gateway.close());

async function open(replica: RunningApp, sessionId: string): Promise<Client> {
  const client = await Client.open(replica, sessionId);
  clients.push(client);
  return client;
}

const collectionOf = (name: string) => gateway.database.db.collection<Record<string, unknown>>(name);

async function storedRun(sessionId: string) {
  const session = await collectionOf('gateway_sessions').findOne({ session_id: sessionId });
  const run = await collectionOf('runs').findOne({ _id: session?.['last_run_id'] as never }); // of the driver's own type
  const number = (name: string) => Number(run?.[name]);
  return { key: String(run?.['session_key']), id: String(run?._id), epoch: number('epoch'), lastSeq: number('last_seq'), nextIndex: number('next_message_index') };
}

/** What an executor leaves that dies after it wrote events and messages, and before it said that its log reaches so far. */
async function leaveBehind(run: Awaited<ReturnType<typeof storedRun>>, count: number): Promise<void> {
  const mark = { session_key: run.key, run_id: run.id, epoch: run.epoch };
  const frame = (seq: number) => JSON.stringify({ type: 'text', data: { text: 'LEFT' }, timestamp: 'x', seq, run_id: run.id });
  await collectionOf('run_events').insertMany(range(1, count).map((n) => ({ ...mark, seq: run.lastSeq + n, type: 'text', frame: frame(run.lastSeq + n), at: new Date() })));
  await collectionOf('gateway_messages').insertMany(range(0, count - 1).map((n) => ({ ...mark, index: run.nextIndex + n, role: 'assistant', content: 'LEFT', context_json: '{}', tool_calls: [], tool_call_id: null, tool_name: null, is_error: false, model: 'LEFT', engine: 'local', created_at: new Date() })));
}

async function logOf(replica: RunningApp, id: string) {
  const events = await ask(replica, 'GET', `/sessions/${id}/events?limit=1000`);
  const messages = await ask(replica, 'GET', `/sessions/${id}/messages?limit=1000`);
  return { text: events.text + messages.text, events: events.body['events'], lastSeq: events.body['last_seq'], messages: messages.body['messages'] };
}

it('what an executor left between its two writes is shown to nobody, and the one that takes over writes over it', async () => {
  const id = await newSession(a);
  const [client, watching] = [await open(a, id), await open(b, id)];
  watching.send({ action: 'resume', after_seq: 0 });
  client.execute('go [[steps=2 delay_ms=700]]');
  await client.frame('tool_result');
  const run = await storedRun(id);
  await leaveBehind(run, 6);
  expect((await logOf(b, id)).text).not.toContain('LEFT');
  const again = await open(b, id);
  again.send({ action: 'resume', after_seq: 0 });
  await again.seen(run.lastSeq);
  await collectionOf('runs').updateOne({ _id: run.id as never }, { $set: { lease_until: new Date(0) } }); // as if it had died
  await Promise.all([client, watching, again].map((one) => one.complete(1, 30_000)));
  for (const one of [client, watching, again]) {
    expect(one.seqs).toEqual(range(1, one.events.length));
    expect(one.texts).toEqual(client.texts);
  }
  expect(client.texts.join('')).toContain('run_recovered');
  const log = await logOf(a, id);
  expect(log.text).not.toContain('LEFT');
  expect(log.events).toEqual(client.texts.map((text) => JSON.parse(text) as unknown));
  expect(log.messages).toMatchObject([{ index: 0, role: 'user' }, { index: 1, role: 'assistant' }, { index: 2, role: 'tool' }, { index: 3, role: 'assistant' }, { index: 4, role: 'tool' }, { index: 5, role: 'assistant' }]);
});

it('what was left behind the end of a run is out of the way of the next one', async () => {
  const id = await newSession(a);
  const client = await open(a, id);
  client.execute('One');
  await client.complete(1);
  const run = await storedRun(id);
  await leaveBehind(run, 30);
  expect(await logOf(b, id)).toMatchObject({ lastSeq: run.lastSeq, events: { length: run.lastSeq } });
  client.execute('Two');
  await client.complete(2);
  expect(client.seqs).toEqual(range(1, client.events.length));
  const log = await logOf(b, id);
  expect(log.text).not.toContain('LEFT');
  expect(log.messages).toMatchObject([{ content: 'One' }, { content: 'You said: One' }, { content: 'Two' }, { content: 'You said: Two' }]);
});

it('twenty runs at once: each in order and without a gap, on every replica, also for those who resume in the middle', async () => {
  const ids = await Promise.all(range(1, 20).map(() => newSession(a)));
  const live = await Promise.all(ids.map((id, n) => open(n % 2 === 0 ? a : b, id)));
  live.forEach((client, n) => client.execute(`go [[steps=3 chunks=6 chunk_ms=15 say=RUN${n}]]`));
  await Promise.all(live.map((client) => client.seen(4)));
  const resumed = await Promise.all(ids.map((id, n) => open(n % 2 === 0 ? b : a, id)));
  resumed.forEach((client) => client.send({ action: 'resume', after_seq: 3 }));
  await Promise.all([...live, ...resumed].map((client) => client.complete(1, 30_000)));
  live.forEach((client, n) => {
    expect(client.seqs).toEqual(range(1, client.events.length));
    expect(resumed[n]?.texts).toEqual(client.texts.slice(3));
    expect(client.events.at(-1)?.frame.data).toMatchObject({ completed: true, tool_calls: 3 });
  });
});

it('of several executes for one session in one group one wins, and those for other sessions are admitted with it', async () => {
  const [busy, free] = await Promise.all([newSession(a), newSession(a)]);
  const contestants = await Promise.all([busy, busy, busy, free].map((id) => open(a, id)));
  contestants.forEach((client) => client.execute('go [[delay_ms=300]]'));
  await Promise.all(contestants.map((client) => waitFor('an answer', () => client.received[0])));
  expect(contestants.map((client) => client.received[0]?.frame.type).sort()).toEqual(['error', 'error', 'session_info', 'session_info']);
  expect(contestants[3]?.received[0]?.frame.type).toBe('session_info');
});

it('what each run used is in the usage of its session once, while it runs, when it has ended, and behind the next ones', async () => {
  const id = await newSession(a);
  const client = await open(a, id);
  const calls = async () => ((await ask(b, 'GET', `/sessions/${id}/status`)).body['usage'] as { model_calls: number }).model_calls; // as the contract has it
  for (const [n, total] of [[1, 2], [2, 4], [3, 6]] as const) {
    client.execute('go [[steps=1]]');
    await client.complete(n);
    expect(await calls()).toBe(total);
  }
});

it('a run is held from its admission on: no second claim, and its replica is its executor', async () => {
  const id = await newSession(a);
  const client = await open(a, id);
  client.execute('go [[delay_ms=300]]');
  await client.seen(1);
  const stored = await collectionOf('runs').findOne({ session_id: id });
  expect(stored).toMatchObject({ state: 'running', active: true, epoch: 1, attempt: 1, executor: expect.any(String), started_at: expect.any(Date) });
  await client.complete();
  expect(client.types).not.toContain('status');
  client.execute('Two');
  await client.complete(2);
  expect(await collectionOf('runs').findOne({ session_id: id, active: false, epoch: 2 })).toMatchObject({ state: 'succeeded', first_seq: expect.any(Number) });
});
