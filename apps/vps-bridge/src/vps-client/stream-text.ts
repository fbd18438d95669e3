import { isUtf8 } from 'node:buffer';
import { isWellFormed, type VpsApi } from '@agentfleet/contracts';
import { fieldOf, textOf } from './answer-text';

/** What a piece of a streamed answer says. */
export type StreamPiece = { readonly kind: 'text'; readonly text: string } | { readonly kind: 'end' } | { readonly kind: 'broken' };

const LF = 0x0a;
const CR = 0x0d;
const HIGH_SURROGATE = /[\uD800-\uDBFF]$/;
const BROKEN: StreamPiece = { kind: 'broken' };

/**
 * Reads the text out of `text/event-stream` (contract vps-bridge section 9), however its bytes are cut. Every data line is
 * taken by itself, since some servers leave out the blank lines; only one that is no JSON waits for the rest of its event.
 */
export class StreamText {
  private rest: Buffer[] = [];
  private unread = '';
  private heldSurrogate = '';
  private ended = false;
  private skipLf = false;

  constructor(private readonly api: VpsApi) {}

  push(chunk: Buffer): readonly StreamPiece[] {
    const pieces: StreamPiece[] = [];
    let start = 0;
    for (let i = 0; i < chunk.length && !this.ended; i++) {
      const byte = chunk[i];
      if (byte !== LF && byte !== CR) {
        this.skipLf = false;
        continue;
      }
      if (byte === LF && this.skipLf) {
        this.skipLf = false;
        start = i + 1;
        continue;
      }
      this.skipLf = byte === CR;
      this.rest.push(chunk.subarray(start, i));
      start = i + 1;
      this.line(pieces);
    }
    if (!this.ended && start < chunk.length) this.rest.push(chunk.subarray(start));
    return pieces;
  }

  private line(pieces: StreamPiece[]): void {
    const [only] = this.rest;
    const bytes = this.rest.length === 1 && only !== undefined ? only : Buffer.concat(this.rest);
    this.rest = [];
    if (!isUtf8(bytes)) return this.end(pieces, BROKEN);
    const line = bytes.toString('utf8');
    if (line === '') {
      if (this.unread !== '') this.end(pieces, BROKEN); // the event is complete and still no JSON
    } else if (line.startsWith('data:')) this.data(line.slice(line.startsWith('data: ') ? 6 : 5), pieces);
  }

  private data(data: string, pieces: StreamPiece[]): void {
    const whole = this.unread === '' ? data : `${this.unread}\n${data}`;
    if (whole.trim() === '[DONE]') return this.end(pieces, { kind: 'end' });
    let event: unknown;
    try {
      event = JSON.parse(whole);
    } catch {
      this.unread = whole;
      return;
    }
    this.unread = '';
    if (this.api === 'messages' && fieldOf(event, 'type') === 'message_stop') return this.end(pieces, { kind: 'end' });
    const text = this.api === 'openai' ? openAiDelta(event) : messagesDelta(event);
    if (text !== null) this.text(text, pieces);
  }

  /** A pair of surrogates may be cut in two by the agent; half a one cannot be stored. */
  private text(delta: string, pieces: StreamPiece[]): void {
    const text = this.heldSurrogate + delta;
    this.heldSurrogate = HIGH_SURROGATE.exec(text)?.[0] ?? '';
    const ready = this.heldSurrogate === '' ? text : text.slice(0, -1);
    pieces.push({ kind: 'text', text: isWellFormed(ready) ? ready : Buffer.from(ready, 'utf8').toString('utf8') });
  }

  private end(pieces: StreamPiece[], last: StreamPiece): void {
    if (this.heldSurrogate !== '') pieces.push({ kind: 'text', text: '\uFFFD' });
    pieces.push(last);
    this.ended = true;
    this.rest = [];
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
