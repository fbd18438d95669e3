import type { ServerResponse } from 'node:http';
import { createGzip } from 'node:zlib';
import { json, type ReceivedRequest, says, waitFor } from '@agentfleet/testing';
import { TwoBridges } from '../../app-specs/two-bridges.fixture';

let two: TwoBridges;

beforeAll(async () => {
  two = await TwoBridges.start({ VPS_MAX_RESPONSE_BYTES: '3000000' });
});
afterAll(() => two.stop());

type Behaviour = (request: ReceivedRequest, response: ServerResponse) => void;
interface Event {
  readonly event: string;
  readonly data: Record<string, unknown>;
}

const head = (response: ServerResponse, more = {}) => response.writeHead(200, { 'content-type': 'text/event-stream', ...more });
const line = (text: string) => `data: ${JSON.stringify({ type: 'content_block_delta', delta: { type: 'text_delta', text } })}\n\n`;
const STOP = 'data: {"type":"message_stop"}\n\n';

/** Says its texts, then stops properly. */
const streams = (...texts: string[]): Behaviour => (_request, response) => void head(response).end(texts.map(line).join('') + STOP);
/** Says its texts, then breaks off. */
const breaksAfter = (...texts: string[]): Behaviour => (_request, response) => {
  head(response).write(texts.map(line).join(''), () => setTimeout(() => response.destroy(), 20));
};

const PATH = '/api/vps/call/stream';
const post = (body: object, headers = {}) => two.one.ask('POST', PATH, { body: { prompt: 'say it', ...body }, headers });
/** The answer as it comes, for who reads it slowly or leaves. */
const open = (body: object, signal?: AbortSignal) =>
  fetch(`${two.replicas[0]!.url}${PATH}`, {
    method: 'POST',
    headers: { 'X-API-Key': 'a-static-key-of-the-bridge', 'content-type': 'application/json' },
    body: JSON.stringify({ prompt: 'say it', ...body }),
    ...(signal ? { signal } : {}),
  });

const parse = (text: string): Event[] =>
  text
    .split('\n\n')
    .filter((block) => block.startsWith('event: '))
    .map((block) => {
      const [event = '', data = ''] = block.split('\n');
      return { event: event.slice(7), data: JSON.parse(data.slice(6)) };
    });

async function stream(body: object, headers = {}): Promise<Event[]> {
  const response = await post(body, headers);
  expect([response.status, response.headers.get('content-type'), response.headers.get('cache-control')]).toEqual([200, 'text/event-stream; charset=utf-8', 'no-store']);
  return parse(response.text);
}

const names = (events: Event[]) => events.map(({ event }) => event);
const textOf = (events: Event[]) => events.filter(({ event }) => event === 'text').map(({ data }) => data['delta']).join('');
const streaming = (...behaviours: Behaviour[]) => two.agentWith({ streaming: true, max_retries: 1 }, ...behaviours);

it('hands the text on as it comes, and stores it under the agent that said it', async () => {
  const { name, agent } = await streaming(streams('Hel', 'lo ', '😀'));
  const events = await stream({ agent_name: name, session_id: 's1' });
  expect(names(events)).toEqual(['attempt', 'text', 'text', 'text', 'done']);
  expect(events[0]?.data).toEqual({ call_id: expect.stringMatching(/^call_/), agent: name, try: 1, position: 0 });
  expect(textOf(events)).toBe('Hello 😀');
  expect(events.at(-1)?.data).toMatchObject({ success: true, response: 'Hello 😀', agent_name: name, call_id: events[0]?.data['call_id'] });
  expect(agent.requests[0]?.body).toMatchObject({ stream: true });
  expect((await two.other.get('/api/vps/sessions/s1')).body).toMatchObject({ messages: [{ role: 'user' }, { role: 'assistant', content: 'Hello 😀', agent: name }] });
  expect((await two.one.get(`/api/vps/health/${name}`)).body).toMatchObject({ total_requests: 1, total_failures: 0 });
});

it('an agent without streaming gives one text; one that streams may answer with JSON', async () => {
  const plain = await two.agent(says('all at once'));
  expect(names(await stream({ agent_name: plain.name }))).toEqual(['attempt', 'text', 'done']);
  expect(plain.agent.requests[0]?.body).not.toHaveProperty('stream');
  const { name } = await streaming(says('as JSON'));
  expect(textOf(await stream({ agent_name: name }))).toBe('as JSON');
});

it('retries and falls over before the first text, without any text', async () => {
  const second = await streaming(streams('from the second'));
  const { name } = await two.agentWith({ streaming: true, max_retries: 2, fallback_agents: [second.name] }, json(503, {}));
  const events = await stream({ agent_name: name });
  expect(names(events)).toEqual(['attempt', 'attempt', 'failover', 'attempt', 'text', 'done']);
  expect(events[2]?.data).toEqual({
    from: name, to: second.name, error_type: 'UNKNOWN', error_code: 'http_503', error: 'Agent answered with HTTP status 503', midstream: false, mode: 'restart', sent_text: '',
  });
  expect(events[3]?.data).toMatchObject({ agent: second.name, try: 1, position: 1 });
  expect(events.at(-1)?.data).toMatchObject({ agent_name: second.name, retry_count: 1 });
});

it('restart: what was sent is named and dropped, the next agent begins anew', async () => {
  const second = await streaming(streams('whole answer'));
  const { name, agent } = await two.agentWith({ streaming: true, max_retries: 3, fallback_agents: [second.name] }, breaksAfter('1. Coll', 'ect'));
  const events = await stream({ agent_name: name, session_id: 'restart' });
  expect(agent.requests).toHaveLength(1); // no retry on the same agent once it spoke
  expect(events.find(({ event }) => event === 'failover')?.data).toMatchObject({ midstream: true, mode: 'restart', sent_text: '1. Collect', error_type: 'INVALID_RESPONSE', error_code: 'cut_off' });
  expect(events.at(-1)).toMatchObject({ event: 'done', data: { response: 'whole answer', agent_name: second.name } });
  expect(second.agent.requests[0]?.body['messages']).toEqual([{ role: 'user', content: 'say it' }]);
  expect((await two.one.get('/api/vps/sessions/restart')).body).toMatchObject({ messages: [{}, { content: 'whole answer', agent: second.name }] });
});

it('continue: the next agent gets the text so far, and its own is appended', async () => {
  const third = await streaming(streams(' three'));
  const second = await streaming(breaksAfter(' two'));
  const { name } = await two.agentWith({ streaming: true, max_retries: 1, fallback_agents: [second.name, third.name] }, breaksAfter('one'));
  const events = await stream({ agent_name: name, on_midstream_failure: 'continue' });
  expect(textOf(events)).toBe('one two three');
  expect(events.filter(({ event }) => event === 'failover').map(({ data }) => [data['sent_text'], data['midstream']])).toEqual([['one', true], ['one two', true]]);
  expect(events.at(-1)).toMatchObject({ event: 'done', data: { response: 'one two three', agent_name: third.name } });
  expect(third.agent.requests[0]?.body['messages']).toEqual([
    { role: 'user', content: 'say it' },
    { role: 'assistant', content: 'one two' },
    { role: 'user', content: 'Continue your answer exactly where it stopped. Do not repeat anything.' },
  ]);
});

it('fail: the stream ends, and the session keeps what was said as incomplete', async () => {
  const second = await streaming(streams('never'));
  const { name } = await two.agentWith({ streaming: true, max_retries: 1, fallback_agents: [second.name] }, breaksAfter('half'));
  const events = await stream({ agent_name: name, on_midstream_failure: 'fail', session_id: 'half' });
  expect(names(events)).toEqual(['attempt', 'text', 'error']);
  expect(events.at(-1)?.data).toMatchObject({ success: false, error_code: 'cut_off', partial_response: 'half', response: null });
  expect(second.agent.requests).toHaveLength(0);
  expect((await two.one.get('/api/vps/sessions/half')).body).toMatchObject({ messages: [{}, { content: 'half', incomplete: true, agent: name }] });
});

it.each<[string, Behaviour, string]>([
  ['no text at all', (_request, response) => void head(response).end(STOP), 'no_text'],
  ['something else', (_request, response) => void head(response).end('data: <html>\n\n'), 'not_json'],
  ['an unknown encoding', (_request, response) => void head(response, { 'content-encoding': 'zstd-9' }).end('x'), 'bad_encoding'],
  ['too much', (_request, response) => void head(response).end(line('x'.repeat(3_100_000)) + STOP), 'too_large'],
  [
    'a bomb',
    (_request, response) => {
      const zip = createGzip();
      zip.pipe(head(response, { 'content-encoding': 'gzip' }));
      zip.end(line('x'.repeat(8_000_000)) + STOP);
    },
    'too_large',
  ],
])('an agent that streams %s', async (_name, behaviour, code) => {
  const { name } = await streaming(behaviour);
  const events = await stream({ agent_name: name });
  expect(events.at(-1)).toMatchObject({ event: 'error', data: { error_code: code } });
});

it('reads a packed stream; comments do not count as text', async () => {
  const packed = await streaming((_request, response) => {
    const zip = createGzip();
    zip.pipe(head(response, { 'content-encoding': 'gzip' }));
    zip.end(line('packed') + STOP);
  });
  expect(textOf(await stream({ agent_name: packed.name }))).toBe('packed');
  const { name } = await two.agentWith({ streaming: true, max_retries: 1, timeout_seconds: 1 }, (_request, response) => {
    head(response).write(line('begun'));
    const timer = setInterval(() => response.write(': ping\n\n'), 50);
    response.on('close', () => clearInterval(timer));
  });
  const events = await stream({ agent_name: name });
  expect(events.at(-1)).toMatchObject({ event: 'error', data: { error_type: 'TIMEOUT', error_code: 'timeout', partial_response: 'begun' } });
});

it('a client that leaves cancels the agent, and what was said stays', async () => {
  let closed = false;
  const { name } = await streaming((_request, response) => {
    head(response).write(line('unfinished'));
    response.on('close', () => (closed = true));
  });
  const leaving = new AbortController();
  const response = await open({ agent_name: name, session_id: 'left' }, leaving.signal);
  const reader = response.body!.getReader();
  await waitFor('the text', async () => Buffer.from((await reader.read()).value ?? []).toString().includes('unfinished'));
  const leftAt = performance.now();
  leaving.abort();
  await waitFor('the agent to be left', () => closed);
  expect(performance.now() - leftAt).toBeLessThan(1000);
  await waitFor('the partial answer', async () => {
    const { body } = await two.one.get('/api/vps/sessions/left');
    return (body['messages'] as { incomplete?: boolean }[] | undefined)?.[1]?.incomplete;
  });
  expect((await two.one.get(`/api/vps/health/${name}`)).body).toMatchObject({ total_requests: 0 });
  await waitFor('the record', async () => ((await two.one.get(`/api/vps/calls?session_id=left`)).body['calls'] as { error_code: string }[])[0]?.error_code === 'client_left');
});

it('does not read the agent faster than the client reads', async () => {
  let sent = 0;
  let isDone = false;
  const piece = line('x'.repeat(64 * 1024));
  const { name } = await streaming((_request, response) => {
    head(response);
    const more = () => {
      while (sent < 40) {
        sent++;
        if (!response.write(piece)) return void response.once('drain', more);
      }
      isDone = true;
      response.end(STOP);
    };
    more();
  });
  const response = await open({ agent_name: name });
  const before = process.memoryUsage().rss;
  let last = -1;
  await waitFor('the agent to be held up', () => {
    const stands = sent === last && sent > 0;
    last = sent;
    return stands || isDone;
  }, { everyMs: 200 });
  expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024);
  const events = parse(await response.text());
  expect(events.at(-1)?.event).toBe('done');
  expect(textOf(events)).toHaveLength(40 * 64 * 1024);
});

it('says what is wrong before the walk as plain HTTP', async () => {
  const { name } = await streaming(streams('x'));
  await two.one.call(name, { session_id: 'mine', user_id: 'me' });
  const mismatch = await post({ agent_name: name, session_id: 'mine', user_id: 'you' });
  expect([mismatch.status, mismatch.body['code']]).toEqual([403, 'session_owner_mismatch']);
  expect((await post({ agent_name: name, on_midstream_failure: 'explode' })).status).toBe(422);
  expect(names(await stream({ agent_name: 'nobody' }))).toEqual(['error']);
});

it('an idempotent replay sends text and done', async () => {
  const { name, agent } = await streaming(streams('on', 'ce'));
  const first = await stream({ agent_name: name }, { 'Idempotency-Key': 'st-1' });
  const response = await post({ agent_name: name }, { 'Idempotency-Key': 'st-1' });
  expect(response.headers.get('idempotency-replayed')).toBe('true');
  const events = parse(response.text);
  expect(names(events)).toEqual(['text', 'done']);
  expect(events[1]?.data).toEqual(first.at(-1)?.data);
  expect(agent.requests).toHaveLength(1);
});
