import { isJsonObject, isWellFormedJson } from '@agentfleet/contracts';
import fc from 'fast-check';
import { CALL_SHAPES, line, piece, STREAM_SHAPES } from '../provider-shapes.fixture';
import { EventLines, type ProviderEvent } from './event-lines';
import { tolerantAnswer } from './tolerant-answer';

/** The text that the SDK gets for a body that comes in these chunks. */
async function read(chunks: readonly Uint8Array[]): Promise<string> {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
  return tolerantAnswer(new Response(body)).text();
}

function chunksIn(text: string): unknown[] {
  return text.split('\n\n').filter((event) => event !== '').map((event) => JSON.parse(event.slice('data: '.length)));
}

function bytewise(bytes: Buffer): Uint8Array[] {
  return [...bytes].map((byte) => Uint8Array.of(byte));
}

/** What was said, whatever pieces it came in. */
function contentOf(text: string): string {
  return chunksIn(text).map((chunk) => JSON.stringify(chunk).replace(/"(content|reasoning_content)":"((?:[^"\\]|\\.)*)"/, (_all, key: string, said: string) => `<${key}:${said}>`)).join('');
}

it.each([...STREAM_SHAPES, ...CALL_SHAPES].filter(({ headers }) => headers?.['content-encoding'] === undefined))('reads $name byte by byte as it reads it whole', async ({ bodies }) => {
  const bytes = Buffer.from(bodies[0] ?? '');
  expect(contentOf(await read(bytewise(bytes)))).toBe(contentOf(await read([bytes])));
});

it('never throws and never says half a character, whatever the chunks hold', async () => {
  const half = fc.oneof(fc.string({ unit: fc.constantFrom('\ud83d', '\ude00', 'a', '\n') }), fc.constant(null), fc.jsonValue());
  const delta = fc.record({ content: half, reasoning_content: half, tool_calls: fc.oneof(fc.array(fc.record({ index: half, id: half, function: fc.oneof(half, fc.record({ name: half, arguments: half })) })), half), role: half }, { requiredKeys: [] });
  const chunk = fc.oneof(
    fc.record({ choices: fc.oneof(half, fc.array(fc.oneof(half, fc.record({ index: half, delta: fc.oneof(delta, half), finish_reason: fc.oneof(half, fc.constant('stop')) }, { requiredKeys: [] })), { maxLength: 2 })), usage: half, error: fc.oneof(half, fc.constant(null)) }, { requiredKeys: [] }),
    half,
  );
  const event = fc.tuple(fc.constantFrom('data: ', 'data:', 'event: error\ndata: ', ': ', 'id: ', ''), chunk, fc.constantFrom('\n\n', '\r\n\r\n', '\n', '\r')).map(([field, value, end]) => field + JSON.stringify(value) + end);
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 8 }), async (events) => {
      for (const said of chunksIn(await read([Buffer.from(events.join(''))]))) expect([isJsonObject(said), isWellFormedJson(said as never)]).toEqual([true, true]);
    }),
    { numRuns: 500 },
  );
});

it('leaves refusals as they are', async () => {
  const refusal = tolerantAnswer(new Response('{"error":{"message":"no"}}', { status: 400 }));
  expect([refusal.status, await refusal.text()]).toEqual([400, '{"error":{"message":"no"}}']);
});

it('takes the last count of every kind', async () => {
  const usage = (counts: object) => line({ ...piece({}), usage: counts });
  const said = chunksIn(await read([Buffer.from(usage({ prompt_tokens: '5', prompt_tokens_details: { cached_tokens: 2 } }) + usage({ completion_tokens: 1 }) + usage({ output_tokens: 7, prompt_tokens: null }) + line(piece({}, 'stop')))]));
  expect(said.at(-1)).toMatchObject({ usage: { prompt_tokens: 5, completion_tokens: 7, prompt_tokens_details: { cached_tokens: 2 } } });
});

it('finds the ends of lines in time that grows with the text only', () => {
  const events: ProviderEvent[] = [];
  const lines = new EventLines();
  const text = `data: ${JSON.stringify({ a: 'x'.repeat(200_000) })}\n`.repeat(5) + 'data: {"b":1}\n'.repeat(20_000);
  for (let at = 0; at < text.length; at += 16_384) events.push(...lines.add(text.slice(at, at + 16_384)));
  expect(events).toHaveLength(20_005);
});
