import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { waitFor } from '@agentfleet/testing';
import type { RunningApp } from '@agentfleet/platform';
import { ask, Client, newSession, range, TestGateway } from './gateway.fixture';

let gateway: TestGateway;
let a: RunningApp;
let b: RunningApp;

beforeAll(async () => {
  gateway = await TestGateway.create();
  [a, b] = await Promise.all([gateway.boot(), gateway.boot()]);
});
afterAll(() => gateway.close());

const clients: Client[] = [];
afterEach(() => clients.splice(0).forEach((client) => client.close()));

async function open(replica: RunningApp, sessionId: string): Promise<Client> {
  const client = await Client.open(replica, sessionId);
  clients.push(client);
  return client;
}

describe('a run', () => {
  it('lists the files of the workspace: the core events exactly, in order', async () => {
    const created = await ask(a, 'POST', '/sessions', { user_id: 'user_123' });
    expect(created.body).toMatchObject({ user_id: 'user_123', engine: 'local', model: 'scripted (no model configured)', status: 'idle', run_id: null, last_seq: 0 });
    const id = String(created.body['session_id']);
    const directory = String(created.body['workspace_dir']);
    await writeFile(join(directory, 'notes.txt'), 'x');
    const client = await open(a, id);
    client.execute('List files in current directory');
    const end = await client.complete();
    expect(client.types).toEqual(['session_info', 'text', 'tool_call', 'tool_result', 'text', 'iteration_end', 'query_complete']);
    expect(client.seqs).toEqual(range(1, client.events.length));
    expect(end.frame.data).toMatchObject({ completed: true, cancelled: false, reason: 'stop', iterations: 1, tool_calls: 1 });
    const result = client.received.find(({ frame }) => frame.type === 'tool_result');
    expect(result?.frame.data).toMatchObject({ name: 'ListDir', result: 'notes.txt', is_error: false, outcome: 'ok', truncated: false, size_bytes: 9 });
    const text = client.events.filter(({ frame }) => frame.type === 'text').map(({ frame }) => frame.data['text']).join('');
    expect(text).toBe("I'll list the filesHere are the files:\nnotes.txt");
    expect(client.events.every(({ frame }) => frame.run_id === end.frame.data['run_id'])).toBe(true);
    expect((await ask(a, 'GET', `/sessions/${id}/status`)).body).toMatchObject({ status: 'finished', is_running: false, run: null, error: null, event_count: client.events.length });
    const messages = (await ask(b, 'GET', `/sessions/${id}/messages`)).body['messages'];
    expect(messages).toMatchObject([
      { index: 0, role: 'user', content: 'List files in current directory' },
      { index: 1, role: 'assistant', tool_calls: [{ name: 'ListDir', input: {} }] },
      { index: 2, role: 'tool', content: 'notes.txt', is_error: false },
      { index: 3, role: 'assistant', content: 'Here are the files:\nnotes.txt' },
    ]);
  });

  it('says nothing before the first frame, answers pings, takes the next execute on the same connection', async () => {
    const client = await open(a, await newSession(a));
    client.send({ action: 'ping' });
    await client.frame('pong');
    expect(client.received).toHaveLength(1);
    client.execute('One');
    await client.complete(1);
    client.execute('Two');
    await client.complete(2);
    expect(client.seqs).toEqual(range(1, client.events.length));
    expect(new Set(client.events.map(({ frame }) => frame.run_id)).size).toBe(2);
  });

  it('remembers the conversation', async () => {
    const id = await newSession(a);
    const client = await open(a, id);
    client.execute('One [[steps=1]]');
    await client.complete(1);
    client.execute('Two [[steps=2]]');
    const end = await client.complete(2);
    expect(end.frame.data).toMatchObject({ completed: true, iterations: 2 });
    const status = (await ask(a, 'GET', `/sessions/${id}/status`)).body;
    expect(status['usage']).toMatchObject({ model_calls: 5, tool_calls: 3 });
  });
});

describe('cut and resume', () => {
  it('goes on after the last event, on the other replica, without losing or doubling one', async () => {
    const id = await newSession(a);
    const first = await open(a, id);
    first.execute('go [[steps=3 chunks=6 chunk_ms=60]]');
    await first.seen(4);
    first.close();
    const seen = first.events.length;
    const second = await open(b, id);
    second.send({ action: 'resume', after_seq: seen });
    await second.complete();
    expect([...first.seqs, ...second.seqs]).toEqual(range(1, seen + second.events.length));
    expect(second.types.at(-1)).toBe('query_complete');
    const rest = (await ask(a, 'GET', `/sessions/${id}/events?limit=1000`)).text;
    expect(rest).toBe(`{"events":[${[...first.texts, ...second.texts].join(',')}],"first_seq":1,"last_seq":${seen + second.events.length}}`);
  });

  it('replays byte for byte, any number of times, on any replica, over every transport', async () => {
    const id = await newSession(a);
    const live = await open(a, id);
    live.execute('Hällo 🌍 [[steps=2]]');
    await live.complete();
    for (const replica of [a, b]) {
      const again = await open(replica, id);
      again.send({ action: 'resume', after_seq: 0 });
      await again.complete();
      expect(again.texts).toEqual(live.texts);
      const stream = await ask(replica, 'GET', `/sessions/${id}/events/stream?until=run_end`);
      expect(stream.headers.get('content-type')).toContain('text/event-stream');
      const data = stream.text.split('\n').flatMap((line) => (line.startsWith('data: ') ? [line.slice(6)] : []));
      expect(data).toEqual(live.texts);
    }
  });

  it('sends an acknowledgement only when it is asked for, after the replay', async () => {
    const id = await newSession(a);
    const live = await open(a, id);
    live.execute('Hello');
    await live.complete();
    const again = await open(b, id);
    again.send({ action: 'resume', after_seq: 2, ack: true });
    const ack = await again.frame('status');
    expect(ack.frame.data).toMatchObject({ status: 'replay_complete', last_seq: live.events.length });
    expect(again.received.at(-1)).toBe(ack);
    expect(again.seqs).toEqual(range(3, live.events.length));
    again.send({ action: 'resume', after_seq: 999_999, ack: true });
    await waitFor('the second acknowledgement', () => again.received.filter(({ frame }) => frame.type === 'status').length === 2);
    expect(again.events).toHaveLength(live.events.length - 2);
  });

  it('an idle session has nothing to resume: silence, then the next run', async () => {
    const id = await newSession(a);
    const watching = await open(b, id);
    watching.send({ action: 'resume', after_seq: 0 });
    watching.send({ action: 'ping' });
    await watching.frame('pong');
    expect(watching.received).toHaveLength(1);
    expect((await ask(a, 'POST', `/sessions/${id}/runs`, { user_input: 'Hello' })).status).toBe(202);
    await watching.complete();
    expect(watching.types).toEqual(['session_info', 'text', 'iteration_end', 'query_complete']);
  });
});

describe('busy', () => {
  it('lets exactly one of simultaneous executes on two replicas win', async () => {
    for (let round = 0; round < 5; round++) {
      const id = await newSession(a);
      const contestants = await Promise.all([a, b, a, b, a, b].map((replica) => open(replica, id)));
      contestants.forEach((client, n) => client.execute(`go [[chunk_ms=100 say=WORD${n}]]`));
      await Promise.all(contestants.map((client) => waitFor('an answer', () => client.received[0])));
      const refused = contestants.filter((client) => client.received[0]?.frame.type === 'error');
      expect(refused).toHaveLength(5);
      const winner = contestants.find((client) => !refused.includes(client));
      await winner?.complete();
      const runId = winner?.events[0]?.frame.run_id;
      for (const client of refused) {
        expect(client.received.map(({ frame }) => frame)).toMatchObject([{ type: 'error', data: { message: 'Session is busy: a run is in progress', code: 'busy', active_run_id: runId } }]);
      }
      expect((await ask(a, 'GET', `/sessions/${id}/runs`)).body['runs']).toHaveLength(1);
    }
  });

  it('refuses over REST with 409, and goes on watching on the refused connection', async () => {
    const id = await newSession(a);
    const client = await open(a, id);
    client.execute('go [[chunk_ms=80]]');
    await client.seen(1);
    const busy = await ask(b, 'POST', `/sessions/${id}/runs`, { user_input: 'x' });
    expect(busy.status).toBe(409);
    expect(busy.headers.get('retry-after')).toBe('1');
    expect(busy.body).toMatchObject({ code: 'busy', active_run_id: client.events[0]?.frame.run_id });
    client.execute('again');
    const refusal = await client.frame('error');
    expect(refusal.frame.seq).toBeUndefined();
    await client.complete();
    expect(client.received.filter(({ frame }) => frame.type === 'query_complete')).toHaveLength(1);
  });
});

describe('idempotency', () => {
  it('starts nothing twice, on any replica, and refuses another input with the same key', async () => {
    const id = await newSession(a);
    const answers = await Promise.all([a, b, a, b].map((replica) => ask(replica, 'POST', `/sessions/${id}/runs`, { user_input: 'Hello' }, { 'idempotency-key': 'k1' })));
    expect(answers.map((answer) => answer.status)).toEqual([202, 202, 202, 202]);
    expect(new Set(answers.map((answer) => answer.body['run_id'])).size).toBe(1);
    expect(answers.filter((answer) => answer.headers.get('idempotency-replayed') === 'true')).toHaveLength(3);
    const other = await ask(a, 'POST', `/sessions/${id}/runs`, { user_input: 'Bye' }, { 'idempotency-key': 'k1' });
    expect([other.status, other.body['code']]).toEqual([422, 'idempotency_mismatch']);
    const client = await open(b, id);
    client.execute('Hello', { idempotency_key: 'k1' });
    await client.complete();
    expect(client.events[0]?.frame.run_id).toBe(answers[0]?.body['run_id']);
    client.execute('Bye', { idempotency_key: 'k1' });
    expect((await client.frame('error')).frame.data).toMatchObject({ code: 'idempotency_mismatch' });
    expect((await ask(a, 'GET', `/sessions/${id}/runs`)).body['runs']).toHaveLength(1);
  });

  it('takes the same request with its fields in another order for a repetition', async () => {
    const path = `/sessions/${await newSession(a)}/runs`;
    const bodies = ['{"user_input":"Hello","context":{"a":{"x":1,"y":2},"b":2},"limits":{"max_tokens":900,"max_seconds":9}}', '{"limits":{"max_seconds":9,"max_tokens":900},"context":{"b":2,"a":{"y":2,"x":1}},"user_input":"Hello"}'];
    const [first, second] = [await ask(a, 'POST', path, bodies[0], { 'idempotency-key': 'k' }), await ask(b, 'POST', path, bodies[1], { 'idempotency-key': 'k' })];
    expect([first.status, second.status, second.headers.get('idempotency-replayed')]).toEqual([202, 202, 'true']);
    expect(second.body['run_id']).toBe(first.body['run_id']);
  });
});

describe('cancel', () => {
  it('is a request on the run, stored once, with who asked and when', async () => {
    const id = await newSession(a);
    const client = await open(a, id);
    client.execute('go [[steps=1 delay_ms=60000]]');
    await client.seen(1);
    await Promise.all([a, b, b].map((replica) => ask(replica, 'POST', `/sessions/${id}/cancel`, { reason: 'enough' })));
    await client.complete();
    const run = await gateway.database.db.collection('runs').findOne({ session_id: id });
    expect(run).toMatchObject({ state: 'cancelled', requests: [{ kind: 'cancel', reason: 'enough', ends_as: 'cancelled', by: 'GATEWAY_API_KEY', at: expect.any(Date) }] });
    expect(run?.['requests']).toHaveLength(1);
  });

  it.each([
    ['the replica that executes it', 'a'],
    ['the other replica', 'b'],
  ])('ends a run by way of %s within 3 s', async (_what, where) => {
    const id = await newSession(a);
    const client = await open(a, id);
    client.execute('go [[steps=1 delay_ms=60000]]');
    await client.seen(1);
    const startedAt = Date.now();
    const other = await open(where === 'a' ? a : b, id);
    other.send({ action: 'cancel', reason: 'enough' });
    const end = await client.complete();
    expect(Date.now() - startedAt).toBeLessThan(3000);
    expect(end.frame.data).toMatchObject({ completed: false, cancelled: true, reason: 'cancelled' });
    expect(client.types).toEqual(['session_info', 'cancelled', 'query_complete']);
    expect(client.received.find(({ frame }) => frame.type === 'cancelled')?.frame.data).toMatchObject({ reason: 'enough', by: 'GATEWAY_API_KEY' });
    client.execute('Hello');
    expect((await client.complete(2)).frame.data).toMatchObject({ completed: true });
  });

  it('has nothing to act on in an idle session', async () => {
    const id = await newSession(a);
    const client = await open(a, id);
    client.send({ action: 'cancel' });
    expect((await client.frame('status')).frame.data).toMatchObject({ status: 'idle' });
    expect((await ask(a, 'POST', `/sessions/${id}/cancel`)).body).toEqual({ session_id: id, run_id: null, status: 'idle' });
  });

  it('closes open calls and the open iteration', async () => {
    const id = await newSession(a);
    const client = await open(a, id);
    client.execute('go [[steps=5 chunk_ms=100]]');
    await client.frame('tool_result');
    expect((await ask(b, 'POST', `/sessions/${id}/cancel`, { reason: 'stop it' })).status).toBe(200);
    await client.complete();
    expect(client.types.slice(-3)).toEqual(['iteration_end', 'cancelled', 'query_complete']);
    const calls = client.events.filter(({ frame }) => frame.type === 'tool_call').length;
    expect(client.events.filter(({ frame }) => frame.type === 'tool_result')).toHaveLength(calls);
  });
});

describe('deletion', () => {
  it('is complete at once everywhere; the run ends, watchers are closed, the id is free', async () => {
    const id = await newSession(a, { session_id: 'mine' });
    const before = (await ask(a, 'GET', `/sessions/${id}`)).body;
    await writeFile(join(String(before['workspace_dir']), 'secret.txt'), 'x');
    const [running, watching] = [await open(a, id), await open(b, id)];
    running.execute('go [[delay_ms=60000]]');
    watching.send({ action: 'resume', after_seq: 0 });
    await watching.seen(1);
    expect((await ask(b, 'DELETE', `/sessions/${id}`)).body).toEqual({ deleted: true });
    for (const replica of [a, b]) {
      for (const path of ['', '/status', '/events', '/runs', '/messages']) {
        const gone = await ask(replica, 'GET', `/sessions/${id}${path}`);
        expect([gone.status, gone.text]).toEqual([404, '{"detail":"Session not found"}']);
      }
    }
    for (const client of [running, watching]) {
      expect((await client.complete(1, 3000)).frame.data).toMatchObject({ reason: 'session_deleted', cancelled: true });
      expect(await waitFor('the close', () => client.closed)).toMatchObject({ code: 4004 });
    }
    expect((await ask(a, 'DELETE', `/sessions/${id}`)).status).toBe(404);
    const again = await ask(a, 'POST', '/sessions', { session_id: 'mine' });
    expect(again.body).toMatchObject({ session_id: 'mine', last_seq: 0 });
    const client = await open(a, id);
    client.execute('List files');
    await client.complete();
    expect(client.received.find(({ frame }) => frame.type === 'tool_result')?.frame.data['result']).toBe('(empty)');
  });

  it('answers v1 in its own words', async () => {
    const id = await newSession(a);
    expect((await ask(a, 'DELETE', `/api/v1/sessions/${id}`)).body).toEqual({ status: 'deleted', session_id: id, deleted: true });
  });

  it('removes the data in the background', async () => {
    const id = await newSession(a);
    const key = (await gateway.database.db.collection('gateway_sessions').findOne({ session_id: id }))?._id;
    const client = await open(a, id);
    client.execute('Hello');
    await client.complete();
    await ask(a, 'DELETE', `/sessions/${id}`);
    await gateway.database.db.collection('gateway_sessions').updateOne({ _id: key }, { $set: { deleted_at: new Date(0) } });
    for (const name of ['run_events', 'runs', 'gateway_messages']) {
      await waitFor(`an empty ${name}`, async () => (await gateway.database.db.collection(name).countDocuments({ session_key: key })) === 0);
    }
  });
});
