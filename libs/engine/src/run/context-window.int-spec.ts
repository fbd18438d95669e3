import { isJsonObject } from '@agentfleet/contracts';
import { agentRun, collect, delta, fakeProvider, outline, sse, status, userInput, type FakeProvider } from '../engine.fixture';
import type { EngineMessage } from '../messages';
import { runAgent } from './run-agent';

const open: FakeProvider[] = [];
afterEach(() => Promise.all(open.splice(0).map((provider) => provider.close())));

const GOOD = sse(delta({ content: 'Hi' }), delta({}, 'stop'));
const says = (content: string, runId: string): EngineMessage => ({ role: 'assistant', runId, content, toolCalls: [], model: 'fake' });

async function provider(...scripts: Parameters<typeof fakeProvider>[0]): Promise<FakeProvider> {
  const made = await fakeProvider(scripts);
  open.push(made);
  return made;
}


const limits = { maxIterations: 25, maxTokens: null, contextTokens: 100_000, isContextAssumed: true, toolResultMaxBytes: 262_144 };
const history = ['r1', 'r2', 'r3'].flatMap((runId) => [userInput('x'.repeat(8000), runId), says('ok', runId)]);
const lengths = (fake: FakeProvider) => fake.requests.map(({ body }) => (isJsonObject(body) && Array.isArray(body['messages']) ? body['messages'].length : 0));

async function run(fake: FakeProvider, transcript: EngineMessage[], more: object = {}) {
  const items = await collect(runAgent(agentRun({ model: fake.model, transcript, limits: { ...limits, ...more } })));
  const end = items.at(-1);
  return { lines: outline(items), end: end?.kind === 'end' ? end.end : null };
}

it('two runs of 60,000 Chinese characters: the older one is left out before anything is refused', async () => {
  const fake = await provider(GOOD);
  const { lines } = await run(fake, [userInput('漢'.repeat(60_000), 'r1'), says('好', 'r1'), userInput('漢'.repeat(60_000))]);
  expect(lines).toEqual(['status history_truncated', 'text Hi', 'iteration_end 1 (0)']);
  expect(JSON.stringify(fake.requests[0]?.body).length).toBeLessThan(100_000);
});

it('learns from a refusal, says what is left out and asks once with less', async () => {
  const fake = await provider(status(400, "This model's maximum context length is 4000 tokens. However, your messages resulted in 6100 tokens."), GOOD);
  const { lines } = await run(fake, [...history, userInput('Hello')]);
  expect(lines).toEqual(['status history_truncated', 'text Hi', 'iteration_end 1 (0)']);
  expect(lengths(fake)).toEqual([8, 4]); // system, three runs, input; then system, one run, input
});

it('learns from an error within the stream too, and keeps to it in later rounds', async () => {
  const call = { tool_calls: [{ index: 0, id: 'c1', function: { name: 'ListDir', arguments: '{}' } }] };
  const fake = await provider(sse({ error: { message: 'too long', code: 'context_length_exceeded' } }), sse(delta(call), delta({}, 'tool_calls')), GOOD);
  const { lines } = await run(fake, [...history, userInput('Hello')]);
  expect(lines.filter((line) => line.startsWith('status'))).toEqual(['status history_truncated']);
  expect(lines.at(-1)).toBe('iteration_end 1 (1)');
  expect(lengths(fake)).toEqual([8, 4, 6]);
});

it('ends with context_overflow after the second refusal, or at once when nothing can be left out', async () => {
  const refusal = status(400, 'prompt is too long: 210000 tokens > 200000 maximum');
  const stubborn = await provider(refusal);
  expect((await run(stubborn, [...history, userInput('Hello')])).end).toMatchObject({ reason: 'error', error: { code: 'context_overflow', retryable: false } });
  expect(stubborn.requests).toHaveLength(2);
  const alone = await provider(refusal);
  expect((await run(alone, [userInput('Hello')])).end?.error).toMatchObject({ code: 'context_overflow', detail: expect.stringContaining('210000') });
  expect(alone.requests).toHaveLength(1);
});

it('a run that is too large for a size that was set is not sent; one that is only assumed is for the provider to judge', async () => {
  const fake = await provider(GOOD);
  const large = [userInput('x'.repeat(8000))];
  expect((await run(fake, large, { contextTokens: 1000, isContextAssumed: false })).lines).toEqual(['error context_overflow']);
  expect(fake.requests).toHaveLength(0);
  expect((await run(fake, large, { contextTokens: 1000 })).lines).toEqual(['text Hi', 'iteration_end 1 (0)']);
});
