import type { Transform } from 'node:stream';
import type { VpsApi } from '@agentfleet/contracts';
import type { BodySink, Exchange } from './exchange';
import { StreamText, type StreamPiece } from './stream-text';
import { packingOf, problemOf, unpackerOf, type Packing } from './unpack';

/** Gets the text of a streamed answer as it comes. */
export interface TextSink {
  text(delta: string): void;
  /** Resolves when more may be read; undefined while there is room. */
  drained(): Promise<void> | undefined;
}

/** The body of a streamed answer: unpacked, read, handed on, and not read any further while nobody reads on. */
export class StreamBody implements BodySink {
  /** Text was found; it may be empty. */
  hasText = false;
  isStream = false;
  text = '';
  private readonly reader: StreamText;
  private exchange: Exchange | undefined;
  private packing: Packing = 'none';
  private unpacker: Transform | null = null;
  /** The beginning of a packed body, which says how it is to be unpacked. */
  private beginning = Buffer.alloc(0);
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

  accepts(contentType: string, encoding: string | undefined): boolean {
    this.isStream = isEventStream(contentType);
    this.packing = packingOf(encoding);
    if (this.isStream && this.packing === 'unknown') this.refuse('bad_encoding');
    return this.isStream;
  }

  /** Whatever comes now is dropped. */
  close(): void {
    this.isOver = true;
    this.unpacker?.destroy();
  }

  data(chunk: Buffer): void {
    if (this.packing === 'none') return this.read(chunk);
    if (this.unpacker !== null) return this.unpack(this.unpacker, chunk);
    this.beginning = Buffer.concat([this.beginning, chunk]);
    if (this.beginning.length >= 2) this.beginUnpacking();
  }

  end(): void {
    if (this.packing === 'none') return this.cutOff();
    if (this.unpacker === null) this.beginUnpacking();
    this.unpacker?.end();
  }

  private beginUnpacking(): void {
    if (this.isOver || this.packing === 'none' || this.packing === 'unknown') return;
    const unpacker = unpackerOf(this.packing, this.beginning);
    this.unpacker = unpacker;
    unpacker.on('data', (chunk: Buffer) => this.read(chunk));
    unpacker.on('end', () => this.cutOff());
    unpacker.on('error', (error) => this.refuse(problemOf(error)));
    this.unpack(unpacker, this.beginning);
  }

  private unpack(unpacker: Transform, chunk: Buffer): void {
    if (!this.isOver && !unpacker.write(chunk)) this.waitForUnpacker(unpacker);
  }

  /** The end of the body without the end mark of the stream. */
  private cutOff(): void {
    if (this.isOver) return;
    this.takeAll(this.reader.finish());
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
    this.takeAll(this.reader.push(chunk));
    const drained = this.isOver ? undefined : this.options.sink.drained();
    if (drained !== undefined) this.hold(drained);
  }

  private takeAll(pieces: readonly StreamPiece[]): void {
    for (const piece of pieces) {
      if (piece.kind === 'text') this.add(piece.text);
      else if (piece.kind === 'end') this.finish();
      else this.refuse(piece.kind === 'error' ? 'cut_off' : 'not_json'); // an agent that says that it failed has not answered
    }
  }

  private add(text: string): void {
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

/** In any case, with blanks, parameters, and sent more than once. */
function isEventStream(contentType: string): boolean {
  return contentType.split(',').some((one) => one.split(';', 1)[0]?.replace(/\s/g, '').toLowerCase() === 'text/event-stream');
}
