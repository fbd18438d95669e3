import type { JsonObject } from '@agentfleet/contracts';
import { AnswerReader } from './answer-reader';
import { EventLines, jsonOrUndefined } from './event-lines';

const WEB_PAGE = {
  message: "The address answers with a web page, not with a model's answer. Check MODEL_BASE_URL.",
  code: null,
  type: 'web_page',
};

/**
 * The answer of a provider as the SDK expects it, whatever shape the provider gave it: a clean stream of chunks. Answers
 * that came whole (JSON) become a stream too; a web page becomes an error. Refusals (status 300 and above) stay as they are.
 */
export function tolerantAnswer(response: Response): Response {
  if (!response.ok) return response;
  const reader = response.body?.getReader();
  const reading = new Reading();
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        // One pull must bring something, or the stream stands still; what only keeps the connection alive brings nothing.
        for (;;) {
          const chunks = await nextChunks(reader, reading);
          const text = chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join('');
          if (text !== '') controller.enqueue(encoder.encode(text));
          if (reading.isOver) {
            controller.close();
            void reader?.cancel().catch(() => undefined); // some keep the connection open behind their last word
            return;
          }
          if (text !== '') return;
        }
      },
      cancel: (reason) => reader?.cancel(reason),
    },
    { highWaterMark: 0 },
  );
  return new Response(body, { status: 200, headers: { 'content-type': 'text/event-stream' } });
}

/** A connection that breaks after the answer's end was told took nothing away. */
async function nextChunks(reader: ReadableStreamDefaultReader<Uint8Array> | undefined, reading: Reading): Promise<JsonObject[]> {
  try {
    const next = await reader?.read();
    return next === undefined || next.done ? reading.end() : reading.add(next.value);
  } catch (error) {
    if (reading.isComplete) return reading.end();
    throw error;
  }
}

type Shape = 'unknown' | 'stream' | 'whole' | 'page';

/** The bytes of one answer, read as what they turn out to be. */
class Reading {
  isOver = false;
  private shape: Shape = 'unknown';
  private readonly decoder = new TextDecoder('utf-8'); // drops a byte-order mark
  private readonly lines = new EventLines();
  private readonly answer = new AnswerReader();
  private readonly held: string[] = [];

  get isComplete(): boolean {
    return this.answer.isComplete;
  }

  add(bytes: Uint8Array): JsonObject[] {
    return this.text(this.decoder.decode(bytes, { stream: true }));
  }

  end(): JsonObject[] {
    const rest = this.text(this.decoder.decode());
    const last = this.shape === 'whole' ? [...this.whole(this.held.join(''))] : this.events([...this.lines.end()]);
    return this.over([...rest, ...last]);
  }

  private text(text: string): JsonObject[] {
    if (this.shape === 'unknown') this.shape = shapeOf(text);
    switch (this.shape) {
      case 'whole':
        this.held.push(text);
        return [];
      case 'page':
        return this.over([...this.answer.failWith(WEB_PAGE)]);
      case 'stream':
      case 'unknown':
        return this.events([...this.lines.add(text)]);
    }
  }

  private events(events: Parameters<AnswerReader['take']>[0][]): JsonObject[] {
    const chunks = events.flatMap((event) => [...this.answer.take(event)]);
    return this.answer.isDone ? this.over(chunks) : chunks;
  }

  private *whole(text: string): Generator<JsonObject> {
    const value = jsonOrUndefined(text);
    if (value !== undefined) return yield* this.answer.takeWhole(value);
    const lines = new EventLines(); // one JSON object a line
    for (const event of [...lines.add(text), ...lines.end()]) yield* this.answer.take(event);
  }

  /** The answer's end, once. */
  private over(chunks: JsonObject[]): JsonObject[] {
    if (this.isOver) return chunks;
    this.isOver = true;
    return [...chunks, ...this.answer.end()];
  }
}

function shapeOf(text: string): Shape {
  const first = text.trimStart()[0];
  if (first === undefined) return 'unknown';
  if (first === '{' || first === '[') return 'whole';
  return first === '<' ? 'page' : 'stream';
}
