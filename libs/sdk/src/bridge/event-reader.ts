import type { VpsStreamEvent } from '@agentfleet/contracts';
import { noAnswer } from './bridge-error';

const END = /\r?\n\r?\n/;

/** Reads the events of a streamed call off a web stream, however it is cut. Leaving the loop early cancels the call. */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<VpsStreamEvent> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((error: unknown) => {
        throw noAnswer('cut_off', error);
      });
      rest += done ? decoder.decode() : decoder.decode(value, { stream: true });
      for (let end = END.exec(rest); end !== null; end = END.exec(rest)) {
        const event = parseEvent(rest.slice(0, end.index));
        rest = rest.slice(end.index + end[0].length);
        if (event === null) continue;
        yield event;
        if (event.event === 'done' || event.event === 'error') return;
      }
      if (done) throw noAnswer('cut_off', null);
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

const NAMES: ReadonlySet<string> = new Set<VpsStreamEvent['event']>(['attempt', 'text', 'failover', 'done', 'error']);

/** Null for comments, and for events that a later bridge may have. */
function parseEvent(block: string): VpsStreamEvent | null {
  let event = '';
  let data = '';
  for (const line of block.split(/\r?\n/)) {
    if (line.startsWith('event:')) event = line.slice(6).trim();
    else if (line.startsWith('data:')) data += line.slice(5);
  }
  if (!NAMES.has(event)) return null;
  return { event, data: parseData(data) } as VpsStreamEvent; // the bridge's own contract; the name was checked
}

function parseData(text: string): unknown {
  try {
    const parsed: unknown = JSON.parse(text);
    return parsed;
  } catch (error) {
    throw noAnswer('cut_off', error);
  }
}
