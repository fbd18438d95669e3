import { isUtf8 } from 'node:buffer';
import { eventField, LineReader, SurrogateJoiner, type VpsApi } from '@agentfleet/contracts';
import { fieldOf, hasError, textOf, withoutMark } from './answer-text';

/** What a piece of a streamed answer says. `error`: the agent itself says that it failed, whatever it sends afterwards. */
export type StreamPiece = { readonly kind: 'text'; readonly text: string } | { readonly kind: 'end' } | { readonly kind: 'error' } | { readonly kind: 'broken' };

const BROKEN: StreamPiece = { kind: 'broken' };
/** An event of many lines is tried again with each of them, but not for ever: a million lines would cost their square. */
const PATIENCE_CHARACTERS = 1024 * 1024;

/**
 * Reads the text out of `text/event-stream` (contract vps-bridge section 9), however its bytes are cut. Every data line is
 * taken by itself, since some servers leave out the blank lines; only one that is no JSON waits for the rest of its event.
 */
export class StreamText {
  private readonly lines = new LineReader(Infinity); // the size of the whole answer is limited
  private unread: string[] = [];
  private patience = PATIENCE_CHARACTERS;
  private readonly joiner = new SurrogateJoiner();
  private ended = false;
  private isFirst = true;

  constructor(private readonly api: VpsApi) {}

  push(chunk: Buffer): readonly StreamPiece[] {
    return this.read(this.lines.add(chunk.toString('latin1'))); // a character for each byte: UTF-8 is judged line by line
  }

  /** The body is over; some servers leave out the line break behind their last line. */
  finish(): readonly StreamPiece[] {
    return this.read(this.lines.end());
  }

  private read(lines: Iterable<string>): readonly StreamPiece[] {
    const pieces: StreamPiece[] = [];
    if (this.ended) return pieces;
    for (const line of lines) {
      this.line(Buffer.from(line, 'latin1'), pieces);
      if (this.ended) break;
    }
    return pieces;
  }

  private line(bytes: Buffer, pieces: StreamPiece[]): void {
    if (!isUtf8(bytes)) return this.end(pieces, BROKEN);
    const text = bytes.toString('utf8');
    const line = this.isFirst ? withoutMark(text) : text;
    this.isFirst = false;
    if (line === '') return this.endOfEvent(pieces);
    const { name, value } = eventField(line);
    if (name === 'data') this.data(value, pieces);
    else if (name.toLowerCase() === 'event' && value.trim().toLowerCase() === 'error') this.end(pieces, { kind: 'error' });
  }

  private endOfEvent(pieces: StreamPiece[]): void {
    if (this.unread.length === 0) return;
    const event = parsed(this.unread.join('\n'));
    if (event === undefined) return this.end(pieces, BROKEN); // the event is complete and still no JSON
    this.unread = [];
    this.event(event, pieces);
  }

  private data(data: string, pieces: StreamPiece[]): void {
    const isNew = this.unread.length === 0;
    if (isNew && data.trim() === '') return; // a keep-alive
    if (isNew && data.trim() === '[DONE]') return this.end(pieces, { kind: 'end' });
    this.unread.push(data);
    if (this.patience <= 0) return;
    const whole = isNew ? data : this.unread.join('\n');
    const event = parsed(whole);
    if (event === undefined) {
      this.patience -= whole.length;
      return;
    }
    this.unread = [];
    this.event(event, pieces);
  }

  private event(event: unknown, pieces: StreamPiece[]): void {
    if (hasError(event)) return this.end(pieces, { kind: 'error' });
    if (this.api === 'messages' && fieldOf(event, 'type') === 'message_stop') return this.end(pieces, { kind: 'end' });
    const text = this.api === 'openai' ? openAiDelta(event) : messagesDelta(event);
    if (text !== null) pieces.push({ kind: 'text', text: this.joiner.add(text) });
  }

  private end(pieces: StreamPiece[], last: StreamPiece): void {
    const half = this.joiner.end();
    if (half !== '') pieces.push({ kind: 'text', text: half });
    pieces.push(last);
    this.ended = true;
    this.unread = [];
  }
}

/** Undefined when the text is no JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function messagesDelta(event: unknown): string | null {
  const type = fieldOf(event, 'type');
  if (type === 'content_block_delta') {
    const text = fieldOf(fieldOf(event, 'delta'), 'text');
    return typeof text === 'string' ? text : null;
  }
  return type === undefined ? textOf(fieldOf(event, 'content')) : null;
}

function openAiDelta(event: unknown): string | null {
  const choices = fieldOf(event, 'choices');
  return Array.isArray(choices) ? textOf(fieldOf(fieldOf(choices[0], 'delta'), 'content')) : null;
}
