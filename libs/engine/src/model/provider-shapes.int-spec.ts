import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isWellFormedJson } from '@agentfleet/contracts';
import { agentRun, collect, delta, fakeProvider, outline, sse, userInput, type FakeProvider } from '../engine.fixture';
import type { EngineMessage } from '../messages';
import { runAgent } from '../run/run-agent';
import { complaints } from '../transcript/provider-rules.fixture';
import { CALL_SHAPES, line, piece, STREAM_SHAPES, WRONG_CALL_SHAPES, type ProviderShape } from './provider-shapes.fixture';

let workspaceDir: string;
beforeAll(async () => {
  workspaceDir = await mkdtemp(join(tmpdir(), 'engine-shapes-'));
  await writeFile(join(workspaceDir, 'newline.txt'), '\n');
});
afterAll(() => rm(workspaceDir, { recursive: true }));

const open: FakeProvider[] = [];
afterEach(() => Promise.all(open.splice(0).map((provider) => provider.close())));

const GOOD = sse(delta({ content: 'Fine' }), delta({}, 'stop'));

/** A run against a provider of this shape, and the next run of the same session against a healthy one. */
async function twoRuns(shape: ProviderShape) {
  const answers = shape.bodies.map((body) => sending(body, shape.headers));
  const sick = await fakeProvider(answers);
  const healthy = await fakeProvider([GOOD]);
  open.push(sick, healthy);
  const input = [userInput('Hello', 'run_1')];
  const first = await collect(runAgent(agentRun({ runId: 'run_1', model: sick.model, transcript: input, workspaceDir })));
  const transcript = [...input, ...messages(first), userInput('Again', 'run_2')];
  const second = await collect(runAgent(agentRun({ runId: 'run_2', model: healthy.model, transcript, workspaceDir })));
  return { first, second, requests: [...sick.requests, ...healthy.requests].map(({ body }) => body) };
}

function sending(body: string | Buffer, headers: ProviderShape['headers']): Parameters<typeof fakeProvider>[0][number] {
  return (response) => void response.writeHead(200, { 'content-type': 'text/event-stream', ...headers }).end(body);
}

const messages = (items: Awaited<ReturnType<typeof collect>>): EngineMessage[] => items.flatMap((item) => (item.kind === 'event' ? [] : item.messages));
const eventsOf = (items: Awaited<ReturnType<typeof collect>>) => items.flatMap((item) => (item.kind === 'event' ? [item.event] : item.events));

describe.each([...STREAM_SHAPES, ...CALL_SHAPES, ...WRONG_CALL_SHAPES])('a provider that sends $name', (shape) => {
  it(`ends the run with ${shape.reason}; the session goes on`, async () => {
    const { first, second, requests } = await twoRuns(shape);
    const end = first.at(-1);
    expect(end).toMatchObject({ kind: 'end', end: { reason: shape.reason, output: shape.output, error: shape.code === undefined ? null : { code: shape.code } } });
    expect(second.at(-1)).toMatchObject({ kind: 'end', end: { reason: 'stop', output: 'Fine' } });
    for (const item of first) expect(isWellFormedJson(JSON.parse(JSON.stringify(item)))).toBe(true);
    expect(requests.flatMap((body) => complaints(body))).toEqual([]);
  });
});

it.each(CALL_SHAPES)('makes one call of $name', async (shape) => {
  const { first } = await twoRuns(shape);
  const calls = eventsOf(first).flatMap((event) => (event.type === 'tool_call' ? [event.data] : []));
  expect(calls).toMatchObject([{ name: 'ListDir', input: { path: '.' } }]);
  expect(outline(first)).toContain('tool_result ok');
});

it('tells parallel calls apart, with and without index and ids', async () => {
  const call = (parts: object, path: string) => ({ ...parts, function: { name: 'ListDir', arguments: JSON.stringify({ path }) } });
  for (const parts of [[{ index: 0, id: 'a' }, { index: 1, id: 'b' }], [{ id: 'a' }, { id: 'b' }], [{}, {}], [{ index: 0 }, { index: 0 }], [{ index: 0, id: 'a' }, { index: 0, id: 'b' }], [{ id: 'a' }, { id: 'a' }]]) {
    const body = line(piece({ tool_calls: [call(parts[0] ?? {}, 'x'), call(parts[1] ?? {}, 'y')] })) + line(piece({}, 'tool_calls'));
    const { first, requests } = await twoRuns({ name: 'parallel', bodies: [body, line(piece({ content: 'Hi' }, 'stop'))], reason: 'stop' });
    const calls = eventsOf(first).flatMap((event) => (event.type === 'tool_call' ? [event.data] : []));
    expect([parts, calls.map(({ input }) => input['path'])]).toEqual([parts, ['x', 'y']]);
    const given = new Set(parts.flatMap((part) => ('id' in part ? [part.id] : [])));
    for (const id of given) expect(calls.map((made) => made.id)).toContain(id);
    expect(requests.flatMap((body) => complaints(body))).toEqual([]);
  }
});

it('sends thoughts and signatures back with their round, as the provider named them', async () => {
  const call = { index: 0, id: 'c1', function: { name: 'ListDir', arguments: '{}' }, extra_content: { google: { thought_signature: 'sig==' } } };
  for (const field of ['reasoning_content', 'reasoning']) {
    const body = line(piece({ [field]: 'Let me ' })) + line(piece({ [field]: 'look' })) + line(piece({ tool_calls: [call] })) + line(piece({}, 'tool_calls'));
    const { requests } = await twoRuns({ name: 'thoughts', bodies: [body, line(piece({ content: 'Hi' }, 'stop'))], reason: 'stop' });
    for (const request of requests.slice(1)) {
      expect(request).toMatchObject({
        messages: expect.arrayContaining([
          { role: 'assistant', content: null, [field]: 'Let me look', tool_calls: [{ id: 'c1', type: 'function', function: { name: 'ListDir', arguments: '{}' }, extra_content: { google: { thought_signature: 'sig==' } } }] },
        ]),
      });
    }
  }
});

it('sends empty thoughts back to a provider that names the field, and nothing to one that does not', async () => {
  const call = { index: 0, id: 'c1', function: { name: 'ListDir', arguments: '{}' } };
  for (const [first, back] of [[{ reasoning_content: '' }, ''], [{ reasoning_content: null }, undefined]] as const) {
    const body = line(piece(first)) + line(piece({ tool_calls: [call] })) + line(piece({}, 'tool_calls'));
    const { requests } = await twoRuns({ name: 'no thoughts', bodies: [body, line(piece({ content: 'Hi' }, 'stop'))], reason: 'stop' });
    const { messages: sent } = requests[1] as { messages: readonly { readonly role: string; readonly reasoning_content?: string }[] }; // what the SDK sent
    expect(sent.find(({ role }) => role === 'assistant')?.reasoning_content).toBe(back);
  }
});

it('shows a file that holds only a line break as (empty), to viewers and to the model', async () => {
  const call = { index: 0, id: 'c1', function: { name: 'ReadFile', arguments: '{"path":"newline.txt"}' } };
  const { first, requests } = await twoRuns({ name: 'x', bodies: [line(piece({ tool_calls: [call] })) + line(piece({}, 'tool_calls')), line(piece({ content: 'Hi' }, 'stop'))], reason: 'stop' });
  expect(eventsOf(first).find((event) => event.type === 'tool_result')).toMatchObject({ data: { result: '(empty)', is_error: false } });
  expect(requests[1]).toMatchObject({ messages: expect.arrayContaining([{ role: 'tool', tool_call_id: 'c1', content: '(empty)' }]) });
});

it('is complete with its finish reason, though the connection breaks or stays open behind it', async () => {
  const whole = line(piece({ content: 'Hi' })) + line(piece({}, 'stop'));
  const providers = [
    await fakeProvider([(response) => void response.writeHead(200).write(whole, () => response.destroy())]),
    await fakeProvider([(response) => void response.writeHead(200).write(`${whole}data: [DONE]\n\n`)]),
    await fakeProvider([(response) => void response.writeHead(200).write(whole)], { stallMs: 80 }),
  ];
  open.push(...providers);
  for (const { model } of providers) {
    const items = await collect(runAgent(agentRun({ model, transcript: [userInput('x')] })));
    expect(items.at(-1)).toMatchObject({ kind: 'end', end: { reason: 'stop', output: 'Hi' } });
  }
});
