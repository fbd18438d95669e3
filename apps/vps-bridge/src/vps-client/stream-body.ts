import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import type { Transform } from 'node:stream';
import type { VpsApi } from '@agentfleet/contracts';
import type { BodySink, Exchange } from './exchange';
import { StreamText } from './stream-text';

/** Takes the text of a streamed answer as it comes. */
export interface TextSink {
  text(delta: string): void;
  /** Resolves when more may be read; null while there is room. */
  drained(): Promise<void> | null;
}

/** The body of a streamed answer: unpacked, read, handed on, and not read any further while nobody takes it. */
export class StreamBody implements BodySink {
  /** Text was found; it may be empty. */
  hasText = false;
  isStream = false;
  text = '';
  private readonly reader: StreamText;
  private exchange: Exchange | undefined;
  private unpacker: Transform | null = null;
  private bytes = 0;
  private isOver = false;

  constructor(
    api: VpsApi,
    private readonly options: { readonly maxBytes: number; readonly sink: TextSink; readonly onText: () => void; readonly onWait: (waits: boolean) => void },
  ) {
    this.reader = new StreamText(api);
  }

  attach(exchange: Exchange): void {
    this.exchange = exchange;
  }

  takes(contentType: string, encoding: string | undefined): boolean {
    this.isStream = /^text\/event-stream(?:;|$)/i.test(contentType.trim());
    if (this.isStream) this.unpackAs(encoding?.trim().toLowerCase() ?? '');
    return this.isStream;
  }

  /** Whatever comes now is dropped. */
  close(): void {
    this.isOver = true;
    this.unpacker?.destroy();
  }

  data(chunk: Buffer): void {
    if (this.unpacker === null) this.read(chunk);
    else if (!this.unpacker.write(chunk)) this.waitForUnpacker(this.unpacker);
  }

  end(): void {
    if (this.unpacker === null) this.cutOff();
    else this.unpacker.end();
  }

  private unpackAs(encoding: string): void {
    const unpacker = unpackerOf(encoding);
    if (unpacker === 'none') return;
    if (unpacker === 'unknown') return this.refuse('bad_encoding');
    this.unpacker = unpacker;
    unpacker.on('data', (chunk: Buffer) => this.read(chunk));
    unpacker.on('end', () => this.cutOff());
    unpacker.on('error', (error) => this.refuse('code' in error && error.code === 'Z_BUF_ERROR' ? 'cut_off' : 'bad_encoding'));
  }

  /** The end of the body without the end mark of the stream. */
  private cutOff(): void {
    this.refuse('cut_off');
  }

  private refuse(problem: 'cut_off' | 'bad_encoding' | 'not_json' | 'too_large' | 'no_text'): void {
    if (this.isOver) return;
    this.isOver = true;
    this.unpacker?.destroy();
    this.exchange?.refuse(problem);
  }

  private read(chunk: Buffer): void {
    if (this.isOver) return;
    this.bytes += chunk.length;
    if (this.bytes > this.options.maxBytes) return this.refuse('too_large');
    for (const piece of this.reader.push(chunk)) {
      if (piece.kind === 'text') this.take(piece.text);
      else if (piece.kind === 'broken') return this.refuse('not_json');
      else return this.finish();
    }
    const drained = this.options.sink.drained();
    if (drained !== null) this.hold(drained);
  }

  private take(text: string): void {
    this.hasText = true;
    this.options.onText();
    if (text === '') return;
    this.text += text;
    this.options.sink.text(text);
  }

  private finish(): void {
    if (!this.hasText) return this.refuse('no_text');
    this.isOver = true;
    this.unpacker?.destroy();
    this.exchange?.conclude();
  }

  private waitForUnpacker(unpacker: Transform): void {
    this.exchange?.pause();
    unpacker.once('drain', () => this.exchange?.resume());
  }

  /** Reads no further until `until`. */
  private hold(until: Promise<void>): void {
    this.exchange?.pause();
    this.unpacker?.pause();
    this.options.onWait(true);
    void until.then(() => {
      if (this.isOver) return;
      this.options.onWait(false);
      this.unpacker?.resume();
      this.exchange?.resume();
    });
  }
}

function unpackerOf(encoding: string): Transform | 'none' | 'unknown' {
  switch (encoding) {
    case '':
    case 'identity':
      return 'none';
    case 'gzip':
    case 'x-gzip':
      return createGunzip();
    case 'deflate':
      return createInflate();
    case 'br':
      return createBrotliDecompress();
    default:
      return 'unknown';
  }
}
