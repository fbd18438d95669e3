import type { Socket } from 'node:net';

const CR = 0x0d;
const LF = 0x0a;
const ZERO = 0x30;
const TWO = 0x32;
/** Where the three digits of the status begin, in `HTTP/1.1 100`. */
const STATUS_AT = 9;
const BEGINS = Buffer.from('HTTP/1.');

/**
 * Makes every unasked `100 Continue` of a connection a `102 Processing`. Servers may send either before their answer, and
 * clients have to skip both; undici skips all but 100, and drops the connection at that one.
 */
export class InterimAnswers {
  private state: 'begin' | 'interim' | 'final' = 'begin';
  private index = 0;
  private lineLength = 0;

  /** A request begins, so that the next bytes begin its answer. */
  requested(): void {
    this.state = 'begin';
    this.index = 0;
  }

  /** Looks at bytes that were received, however they are cut, and changes them in place. */
  mend(bytes: Buffer): void {
    for (let at = 0; at < bytes.length && this.state !== 'final'; at++) {
      if (this.state === 'begin') this.statusLine(bytes, at);
      else this.header(bytes[at]);
    }
  }

  private statusLine(bytes: Buffer, at: number): void {
    const byte = bytes[at];
    const index = this.index++;
    if (index < BEGINS.length && byte !== BEGINS[index]) this.state = 'final';
    if (index === STATUS_AT && byte !== ZERO + 1) this.state = 'final';
    if (index === STATUS_AT + 1 && byte !== ZERO) this.state = 'final';
    if (index < STATUS_AT + 2) return;
    if (byte === ZERO) bytes[at] = TWO;
    this.state = 'interim';
    this.lineLength = 1;
  }

  private header(byte: number | undefined): void {
    if (byte === LF && this.lineLength === 0) this.requested();
    else if (byte === LF) this.lineLength = 0;
    else if (byte !== CR) this.lineLength++;
  }
}

/** Puts `InterimAnswers` between a socket and undici, which writes heads of requests as text and all else as bytes. */
export function mendInterimAnswers(socket: Socket): void {
  const answers = new InterimAnswers();
  const read = socket.read.bind(socket);
  socket.read = (size?: number): unknown => {
    const piece: unknown = read(size);
    if (Buffer.isBuffer(piece)) answers.mend(piece);
    return piece;
  };
  socket.write = new Proxy(socket.write, {
    apply: (write, _socket, args: unknown[]): unknown => {
      if (typeof args[0] === 'string') answers.requested();
      return Reflect.apply(write, socket, args);
    },
  });
}
