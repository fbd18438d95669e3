import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isWellFormedJson } from '@agentfleet/contracts';
import { z } from 'zod';
import { agentRun, collect, delta, fakeProvider, outline, RUN_ID, sse, userInput } from '../engine.fixture';
import type { EngineMessage } from '../messages';
import { scriptedModel } from '../scripted/scripted-model';
import { startScriptedModelServer, type ScriptedModelServer } from '../scripted/server';
import { listDir } from '../tools/list-dir';
import { readFile } from '../tools/read-file';
import { defineTool, said, Toolset } from '../tools/tool';
import { closeRun } from './close-run';
import type { EngineItem } from './items';
import { runAgent } from './run-agent';

let server: ScriptedModelServer;
let workspaceDir: string;
beforeAll(async () => {
  server = await startScriptedModelServer();
  workspaceDir = await mkdtemp(join(tmpdir(), 'engine-run-'));
  await writeFile(join(workspaceDir, 'notes.txt'), 'x');
});
afterAll(async () => {
  await server.close();
  await rm(workspaceDir, { recursive: true });
});

const say = (content: string, parts: Partial<Parameters<typeof agentRun>[0]> = {}) =>
  agentRun({ model: scriptedModel(server), transcript: [userInput(content)], workspaceDir, ...parts });

const limits = (parts: object) => ({ maxIterations: 25, maxTokens: null, contextTokens: 100_000, toolResultMaxBytes: 262_144, ...parts });
const base64 = (text: string) => Buffer.from(text).toString('base64url');
const messages = (items: readonly EngineItem[]) => items.flatMap((item) => (item.kind === 'event' ? [] : item.messages));
const last = (items: readonly EngineItem[]) => items.at(-1);
const eventsOf = (items: readonly EngineItem[]) => items.flatMap((item) => (item.kind === 'event' ? [item.event] : item.events));

describe('runAgent on the scripted model', () => {
  it('lists files: the exact core events, in order', async () => {
    const items = await collect(runAgent(say('List files in current directory')));
    expect(outline(items)).toEqual([
      "text I'll list the files",
      'tool_call ListDir',
      'tool_result ok',
      'text Here are the files:\nnotes.txt',
      'iteration_end 1 (1)',
    ]);
    expect(last(items)).toMatchObject({ kind: 'end', end: { reason: 'stop', output: 'Here are the files:\nnotes.txt', error: null } });
    expect(messages(items).map((message) => message.role)).toEqual(['assistant', 'tool', 'assistant']);
  });

  it('a run without tools has one iteration, and its tokens', async () => {
    const items = await collect(runAgent(say('Hello')));
    expect(outline(items)).toEqual(['text You said: Hello', 'iteration_end 1 (0)']);
    const end = last(items);
    expect(end).toMatchObject({ kind: 'end', progress: { iteration: 1, usage: { model_calls: 1, tool_calls: 0, estimated: false } } });
    expect(end?.kind === 'end' && end.progress.usage.total_tokens).toBeGreaterThan(0);
  });

  it('numbers the iterations of several rounds; closing text belongs to the last', async () => {
    expect(outline(await collect(runAgent(say('go [[steps=2 parallel=2]]'))))).toEqual([
      'text Step 1 of 2.',
      'tool_call ListDir',
      'tool_call ListDir',
      'tool_result ok',
      'tool_result ok',
      'text Step 2 of 2.',
      'iteration_end 1 (2)',
      'tool_call ListDir',
      'tool_call ListDir',
      'tool_result ok',
      'tool_result ok',
      'text Done after 2 steps.',
      'iteration_end 2 (2)',
    ]);
  });

  it('stops after M rounds and M+1 answers; the calls of the last are neither shown nor kept', async () => {
    const items = await collect(runAgent(say('go [[steps=6]]', { limits: limits({ maxIterations: 2 }) })));
    expect(outline(items).slice(-3)).toEqual(['tool_result ok', 'text Step 3 of 6.', 'iteration_end 2 (1)']);
    expect(last(items)).toMatchObject({ kind: 'end', end: { reason: 'max_iterations' }, progress: { iteration: 2, usage: { model_calls: 3, tool_calls: 2 } } });
    expect(messages(items).at(-1)).toMatchObject({ role: 'assistant', content: 'Step 3 of 6.', toolCalls: [] });
  });

  it('an answer without calls at the limit completes the run', async () => {
    const items = await collect(runAgent(say('go [[steps=2]]', { limits: limits({ maxIterations: 2 }) })));
    expect(last(items)).toMatchObject({ end: { reason: 'stop', output: 'Done after 2 steps.' } });
  });

  it('stops when its tokens are used up', async () => {
    const items = await collect(runAgent(say('go [[steps=6]]', { limits: limits({ maxTokens: 1 }) })));
    expect(last(items)).toMatchObject({ kind: 'end', end: { reason: 'max_tokens' }, progress: { usage: { model_calls: 1 } } });
  });

  it('shows wrong arguments as {} and lets the model see why', async () => {
    for (const args of ['{not json', '[1]', '{"path":5}']) {
      const items = await collect(runAgent(say(`[[steps=1 args=${base64(args)}]]`)));
      const events = eventsOf(items);
      expect(events.find((event) => event.type === 'tool_call')).toMatchObject({ data: { input: {} } });
      expect(events.find((event) => event.type === 'tool_result')).toMatchObject({ data: { is_error: true, outcome: 'error' } });
      expect(last(items)).toMatchObject({ end: { reason: 'stop' } });
    }
  });

  it('answers calls of unknown tools with an error that names the offered ones', async () => {
    const events = eventsOf(await collect(runAgent(say('[[steps=1 tool=Teleport]]'))));
    expect(events.find((event) => event.type === 'tool_result')).toMatchObject({
      data: { is_error: true, name: 'Teleport', result: expect.stringContaining('ListDir, ReadFile') },
    });
  });

  it('replaces call ids that the session already has, in event and transcript', async () => {
    const call = (index: number) => ({ tool_calls: [{ index, id: 'call_0', type: 'function', function: { name: 'ListDir', arguments: '{}' } }] });
    const round = sse(delta({ content: 'a' }), delta(call(0)), delta(call(1)), delta({}, 'tool_calls'));
    const fake = await fakeProvider([round, round, sse(delta({ content: 'end' }), delta({}, 'stop'))]);
    const earlier: EngineMessage[] = [
      userInput('x', 'run_before'),
      { role: 'assistant', runId: 'run_before', content: '', model: 'fake', toolCalls: [{ id: 'call_0', name: 'ListDir', input: {}, problem: null }] },
    ];
    const items = await collect(runAgent(agentRun({ model: fake.model, transcript: [...earlier, userInput('y')], workspaceDir })));
    await fake.close();
    const ids = eventsOf(items).flatMap((event) => (event.type === 'tool_call' ? [event.data.id] : []));
    expect(ids.length).toBeGreaterThanOrEqual(2);
    expect(new Set([...ids, 'call_0']).size).toBe(ids.length + 1);
    expect(messages(items).flatMap((message) => (message.role === 'assistant' ? message.toolCalls.map((c) => c.id) : []))).toEqual(ids);
    expect(last(items)).toMatchObject({ end: { reason: 'stop' } });
    // The call of the run before has no result: it is filled in, or the provider would refuse the session for ever.
    expect(fake.requests[0]?.body).toMatchObject({
      messages: [{ role: 'system' }, { role: 'user' }, { role: 'assistant' }, { role: 'tool', tool_call_id: 'call_0' }, { role: 'assistant' }, { role: 'user' }],
    });
  });

  it('cuts long arguments, names and results nowhere within a character', async () => {
    // Whatever the alignment, one of two neighbouring lengths would cut a pair in two.
    for (const offset of [0, 1]) {
      const json = JSON.stringify({ a: 'x'.repeat(offset) + '😀'.repeat(150_000) });
      const items = await collect(runAgent(say(`[[steps=1 tool=${'😀'.repeat(200)} args=${base64(json)}]]`, { limits: limits({ isContextAssumed: true }) })));
      const call = eventsOf(items).find((event) => event.type === 'tool_call');
      expect(call).toMatchObject({ data: { input_truncated: true, input: { beginning: expect.stringMatching(/^\{"a":"x?😀/) } } });
      for (const event of eventsOf(items)) expect(isWellFormedJson(JSON.parse(JSON.stringify(event)))).toBe(true);
      const path = JSON.stringify({ path: 'x'.repeat(offset) + `${'😀'.repeat(50)}/`.repeat(4) });
      const refusal = eventsOf(await collect(runAgent(say(`[[steps=1 tool=ReadFile args=${base64(path)}]]`)))).find((event) => event.type === 'tool_result');
      expect(refusal).toMatchObject({ data: { is_error: true, result: expect.stringMatching(/^"x?😀.*(😀|\/)…" does not exist/u) } });
    }
  });

  it('cuts a large result in the middle, for the log and for the model', async () => {
    const large = defineTool({ name: 'ListLarge', description: 'x', isReadOnly: true, input: z.object({}), run: async () => said('x'.repeat(5000)) });
    const items = await collect(runAgent(say('[[steps=1]]', { tools: new Toolset([large]), limits: limits({ toolResultMaxBytes: 1000 }) })));
    const event = eventsOf(items).find((e) => e.type === 'tool_result');
    expect(event).toMatchObject({ data: { truncated: true, size_bytes: 5000, content_preview: expect.stringMatching(/^x{1,500}/) } });
    const result = event?.data.result ?? '';
    expect(Buffer.byteLength(result)).toBeLessThanOrEqual(1000);
    expect(messages(items).find((message) => message.role === 'tool')?.content).toBe(result);
  });

  it('runs read-only calls side by side and others alone, in order', async () => {
    let open = 0;
    let most = 0;
    const order: string[] = [];
    const slow = (name: string, isReadOnly: boolean) =>
      defineTool({
        name,
        description: name,
        isReadOnly,
        input: z.object({}),
        run: async () => {
          most = Math.max(most, ++open);
          await new Promise((resolve) => setTimeout(resolve, 10));
          order.push(name);
          open -= 1;
          return said('done');
        },
      });
    await collect(runAgent(say('[[steps=1 parallel=12 tool=Peek]]', { tools: new Toolset([slow('Peek', true)]) })));
    expect(most).toBe(8);
    most = 0;
    await collect(runAgent(say('[[steps=1 parallel=3 tool=Write]]', { tools: new Toolset([slow('Write', false)]) })));
    expect(most).toBe(1);
  });

  it('a tool that throws is an error result, not the end of the run', async () => {
    const failures: string[] = [];
    const broken = defineTool({ name: 'ListBroken', description: 'x', isReadOnly: true, input: z.object({}), run: () => Promise.reject(new Error('/secret/path')) });
    const run = say('[[steps=1]]', { tools: new Toolset([broken]), observer: { toolFailure: (tool) => void failures.push(tool) } });
    const items = await collect(runAgent(run));
    expect(eventsOf(items).find((event) => event.type === 'tool_result')?.data.result).not.toContain('/secret');
    expect(failures).toEqual(['ListBroken']);
    expect(last(items)).toMatchObject({ end: { reason: 'stop' } });
  });

  it('leaves the oldest runs out when the conversation is too long', async () => {
    const old: EngineMessage[] = [userInput('x'.repeat(4000), 'run_old'), { role: 'assistant', runId: 'run_old', content: 'y', toolCalls: [], model: 'm' }];
    const run = agentRun({ model: scriptedModel(server), transcript: [...old, userInput('Hello')], limits: limits({ contextTokens: 500 }) });
    const items = await collect(runAgent(run));
    expect(outline(items)).toEqual(['status history_truncated', 'text You said: Hello', 'iteration_end 1 (0)']);
  });

  it('puts the context before the input, inside the same message', async () => {
    const input: EngineMessage = { role: 'user', runId: RUN_ID, content: 'Hello', context: { lang: 'de' } };
    const items = await collect(runAgent(agentRun({ model: scriptedModel(server), transcript: [input] })));
    expect(outline(items)[0]).toBe('text You said: Context:\n{"lang":"de"}\n\nHello');
  });
});

describe('takeover', () => {
  async function until(content: string, steps: number, tools: Toolset): Promise<{ items: EngineItem[]; transcript: EngineMessage[] }> {
    const items: EngineItem[] = [];
    const transcript: EngineMessage[] = [userInput(content)];
    for await (const item of runAgent(say(content, { tools }))) {
      items.push(item);
      if (item.kind === 'event') continue;
      transcript.push(...item.messages);
      if (--steps === 0) break;
    }
    return { items, transcript };
  }

  it('goes on after the last complete step, as if nothing had happened', async () => {
    const tools = new Toolset([listDir, readFile]);
    const undisturbed = outline(await collect(runAgent(say('go [[steps=3]]'))));
    for (const steps of [1, 2, 3, 4, 5, 6]) {
      const before = await until('go [[steps=3]]', steps, tools);
      const stepped = before.items.filter((item) => item.kind !== 'event').at(-1);
      if (stepped?.kind !== 'step') throw new Error('no step');
      const after = await collect(runAgent(agentRun({ model: scriptedModel(server), transcript: before.transcript, progress: stepped.progress, workspaceDir, tools })));
      expect([...outline(before.items), ...outline(after)]).toEqual(undisturbed);
    }
  });

  it('does not repeat a call that may have had effects, and tells the model so', async () => {
    let runs = 0;
    const pay = defineTool({ name: 'Pay', description: 'x', isReadOnly: false, input: z.object({}), run: async () => said(`paid ${++runs}`) });
    const tools = new Toolset([pay]);
    const before = await until('[[steps=1]]', 1, tools); // recorded, not carried out
    const stepped = before.items.at(-1);
    if (stepped?.kind !== 'step') throw new Error('no step');
    const after = await collect(runAgent(agentRun({ model: scriptedModel(server), transcript: before.transcript, progress: stepped.progress, workspaceDir, tools })));
    expect(outline(after)).toEqual(['tool_result unknown', 'text Done after 1 steps.', 'iteration_end 1 (1)']);
    expect(runs).toBe(0);
    expect(eventsOf(after)[0]).toMatchObject({ data: { result: 'The outcome of this call is unknown; it was not repeated.', is_error: true } });
  });

  it('a run that is ended from outside closes its calls and its iteration', async () => {
    const before = await until('[[steps=1 parallel=2]]', 1, new Toolset([listDir]));
    const stepped = before.items.at(-1);
    if (stepped?.kind !== 'step') throw new Error('no step');
    const closed = closeRun(stepped.progress, { runId: RUN_ID, outcome: 'cancelled', stopReason: 'cancelled', now: Date.now() });
    expect(closed.events.map((event) => event.type)).toEqual(['tool_result', 'tool_result', 'iteration_end']);
    expect(closed.messages).toHaveLength(2);
    expect(closeRun(closed.progress, { runId: RUN_ID, outcome: 'cancelled', stopReason: 'cancelled', now: 0 }).events).toEqual([]);
  });
});

describe('cancel', () => {
  it('ends at once, without an end, while the model is slow', async () => {
    const cancel = new AbortController();
    const startedAt = Date.now();
    const items: EngineItem[] = [];
    for await (const item of runAgent(say('[[chunk_ms=200 chunks=50 say=AAAAAAAAAAAAAAAAAAAAAAAA]]', { signal: cancel.signal }))) {
      items.push(item);
      cancel.abort();
    }
    expect(Date.now() - startedAt).toBeLessThan(2000);
    expect(items.every((item) => item.kind === 'event')).toBe(true);
  });
});
