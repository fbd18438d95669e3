import { agentRun, collect, delta, fakeProvider, outline, quickClock, sse, status, userInput, until, type FakeProvider } from '../engine.fixture';
import { runAgent } from '../run/run-agent';

const open: FakeProvider[] = [];
afterEach(() => Promise.all(open.splice(0).map((provider) => provider.close())));

async function provider(...args: Parameters<typeof fakeProvider>): Promise<FakeProvider> {
  const made = await fakeProvider(...args);
  open.push(made);
  return made;
}

const RATE = "This request would exceed your organization's rate limit of 50,000 input tokens per minute";
const GOOD = sse(delta({ role: 'assistant', content: 'Hi' }), delta({}, 'stop'));

async function run(fake: FakeProvider) {
  const clock = quickClock();
  const items = await collect(runAgent(agentRun({ model: fake.model, transcript: [userInput('Hello')], clock })));
  const end = items.at(-1);
  if (end?.kind !== 'end') throw new Error('no end');
  return { lines: outline(items), end: end.end, progress: end.progress, clock };
}

describe('a model call', () => {
  it.each([503, 500, 429, 408])('is repeated after %s, at most three attempts', async (code) => {
    const fake = await provider([status(code, 'no'), status(code, 'no'), GOOD]);
    const { lines, clock } = await run(fake);
    expect(lines).toEqual(['status model_retry', 'status model_retry', 'text Hi', 'iteration_end 1 (0)']);
    expect(fake.requests).toHaveLength(3);
    expect(clock.slept).toHaveLength(2);
    const hopeless = await provider([status(code, 'no')]);
    expect((await run(hopeless)).end.error).toMatchObject({ code: code === 429 ? 'model_rate_limited' : 'model_unavailable', retryable: true });
    expect(hopeless.requests).toHaveLength(3);
  });

  it('is repeated after an error of that kind within a stream, as long as nothing was shown', async () => {
    for (const error of [{ message: 'slow down', code: 429 }, { message: 'try later', code: '503' }, { message: 'x', type: 'overloaded_error' }, { message: RATE, type: 'rate_limit_error' }, { message: 'the prompt is too long for the queue', type: 'overloaded_error' }, { message: RATE, code: 'too_many_requests' }, { message: 'x', code: 'service_unavailable' }]) {
      const fake = await provider([sse({ error }), GOOD]);
      expect((await run(fake)).lines).toEqual(['status model_retry', 'text Hi', 'iteration_end 1 (0)']);
      const late = await provider([sse(delta({ content: 'Half' }), { error }), GOOD]);
      expect((await run(late)).lines[0]).toBe('text Half');
      expect(late.requests).toHaveLength(1);
    }
  });

  it('takes a rate limit or an outage that counts tokens for what it is, and gives up no run for it', async () => {
    for (const sick of [status(429, RATE), status(503, 'Failed to count input tokens, upstream unavailable')]) {
      const fake = await provider([sick, GOOD]);
      expect((await run(fake)).lines).toEqual(['status model_retry', 'text Hi', 'iteration_end 1 (0)']);
    }
    const limited = await provider([sse({ error: { message: RATE, type: 'rate_limit_error' } })]);
    expect((await run(limited)).end.error).toMatchObject({ code: 'model_rate_limited', retryable: true });
  });

  it('says in its detail what a refusal says, however it is wrapped', async () => {
    for (const body of ['[{"error":{"code":400,"message":"Bad tools"}}]', '{"error":"Bad tools"}', '{"detail":"Bad tools"}', '{"object":"error","message":"Bad tools"}', '{"message":"Bad tools"}']) {
      const fake = await provider([(response) => response.writeHead(400, { 'content-type': 'application/json' }).end(body)]);
      expect((await run(fake)).end.error).toMatchObject({ code: 'model_refused', detail: 'Bad tools' });
    }
  });

  it.each([
    [400, 'model_refused'],
    [401, 'model_auth'],
    [403, 'model_auth'],
    [404, 'model_unavailable'],
  ])('is final after %s', async (code, expected) => {
    const fake = await provider([status(code, 'no')]);
    const { lines, end } = await run(fake);
    expect(lines).toEqual([`error ${expected}`]);
    expect(end).toMatchObject({ reason: 'error', error: { code: expected, retryable: false } });
    expect(fake.requests).toHaveLength(1);
  });

  it('waits as long as the provider asks, up to 30 s', async () => {
    const fake = await provider([status(429, 'no', { 'retry-after': '7' }), GOOD]);
    expect((await run(fake)).clock.slept).toEqual([7000]);
    const long = await provider([status(429, 'no', { 'retry-after': '3600' })]);
    const { end, clock } = await run(long);
    expect(clock.slept).toEqual([]);
    expect(end.error?.message).toContain('3600 s');
  });

  it('is repeated when nobody listens there', async () => {
    const fake = await provider([GOOD]);
    await fake.close();
    const { lines, end } = await run(fake);
    expect(lines).toEqual(['status model_retry', 'status model_retry', 'error model_unavailable']);
    expect(end.error?.detail).not.toContain('sk-fake');
  });

  it('never shows the key that a provider quotes', async () => {
    const apiKey = 'sk-live-abcdefghijklmnop';
    const fake = await provider([status(401, `Incorrect API key provided: ${apiKey}. Masked: sk-live-abc*****mnop`)], { apiKey });
    const { end } = await run(fake);
    expect(JSON.stringify(end.error)).not.toMatch(/sk-live|mnop/);
    expect(end.error?.detail).toContain('Incorrect API key');
  });

  it('is an error when the stream ends without a finish reason, even cleanly', async () => {
    const cut = await provider([sse(delta({ role: 'assistant', content: 'Half of' }))]);
    const { lines, end } = await run(cut);
    expect(lines).toEqual(['text Half of', 'error model_bad_answer']);
    expect(end.reason).toBe('error');
    expect(cut.requests).toHaveLength(1); // something was shown: never again
  });

  it('is an error when the connection breaks, when it is empty, filtered, or not what was expected', async () => {
    const broken = await provider([
      (response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write(`data: ${JSON.stringify(delta({ content: 'Half' }))}\n\n`, () => response.destroy());
      },
    ]);
    expect((await run(broken)).lines.at(-1)).toBe('error model_unavailable');
    expect((await run(await provider([sse(delta({}, 'stop'))]))).lines).toEqual(['error model_bad_answer']);
    expect((await run(await provider([sse(delta({ content: 'x' }, 'content_filter'))]))).lines.at(-1)).toBe('error model_bad_answer');
    expect((await run(await provider([sse({ error: { message: 'boom', type: 'server_error' } })]))).lines).toEqual(['error model_bad_answer']);
    const html = await provider([(response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Welcome</h1>')]);
    expect((await run(html)).lines.at(-1)).toBe('error model_bad_answer');
  });

  it('that is cut at its length ends the run with that reason, without its calls', async () => {
    const call = { tool_calls: [{ index: 0, id: 'c', type: 'function', function: { name: 'ListDir', arguments: '{"pa' } }] };
    const fake = await provider([sse(delta({ content: 'Long' }), delta(call), delta({}, 'length'))]);
    const { lines, end } = await run(fake);
    expect(lines).toEqual(['text Long', 'iteration_end 1 (0)']);
    expect(end).toMatchObject({ reason: 'length', output: 'Long', error: null });
  });

  it('shows thinking, counts tokens, estimates them when the provider names none', async () => {
    const usage = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15, prompt_tokens_details: { cached_tokens: 4 }, completion_tokens_details: { reasoning_tokens: 2 } };
    const named = await provider([sse(delta({ reasoning_content: 'Hm' }), delta({ content: 'Hi' }), delta({}, 'stop'), { id: 'x', choices: [], usage })]);
    const { lines, progress } = await run(named);
    expect(lines).toEqual(['thinking', 'text Hi', 'iteration_end 1 (0)']);
    expect(progress.usage).toMatchObject({ input_tokens: 10, output_tokens: 5, cached_input_tokens: 4, reasoning_tokens: 2, total_tokens: 15, estimated: false });
    const silent = (await run(await provider([GOOD]))).progress.usage;
    expect(silent.estimated).toBe(true);
    expect(silent.input_tokens).toBeGreaterThan(0);
  });

  it('gives up on silence before the first byte and in the middle', async () => {
    const mute = await provider([() => undefined], { firstByteMs: 80 });
    const before = await run(mute);
    expect(before.lines).toEqual(['error model_unavailable']);
    expect(before.end.error?.message).toContain('did not begin to answer within 0.08 s');
    const headersOnly = await provider([(response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()], { firstByteMs: 80 });
    expect((await run(headersOnly)).end.error?.message).toContain('did not begin to answer');
    const stalled = await provider(
      [
        (response) => {
          response.writeHead(200, { 'content-type': 'text/event-stream' });
          response.write(`data: ${JSON.stringify(delta({ content: 'Hi' }))}\n\n`);
        },
      ],
      { stallMs: 80 },
    );
    const middle = await run(stalled);
    expect(middle.lines).toEqual(['text Hi', 'error model_unavailable']);
    expect(middle.end.error?.message).toContain('stopped answering');
  });

  it('is aborted at the provider when the run is cancelled', async () => {
    const cancel = new AbortController();
    let closed = false;
    const fake = await provider([(response) => void response.on('close', () => (closed = true))]);
    const running = collect(runAgent(agentRun({ model: fake.model, transcript: [userInput('x')], signal: cancel.signal })));
    await until(() => fake.requests.length === 1);
    cancel.abort();
    expect(await running).toEqual([]);
    await until(() => closed);
  });

  it('sends the tools without running them, the system prompt first', async () => {
    const fake = await provider([GOOD]);
    await run(fake);
    expect(fake.requests[0]?.body).toMatchObject({
      model: 'fake',
      stream: true,
      stream_options: { include_usage: true },
      messages: [{ role: 'system' }, { role: 'user', content: 'Hello' }],
      tools: [{ function: { name: 'ListDir' } }, { function: { name: 'ReadFile', parameters: { required: ['path'] } } }],
    });
  });
});
