import { Readable } from 'node:stream';
import type { VpsStreamData } from '@agentfleet/contracts';

const COMMENT_MS = 15_000;
const ROOM_BYTES = 1024 * 1024;
const PATIENCE_MS = 60_000;

/** Why nobody takes the events any more. */
type StreamLoss = 'client_left' | 'client_stalled';

/**
 * Server-sent events on their way to one client, with a bound on what waits for it: beyond 1 MiB the writer should wait,
 * and a client that takes nothing for 60 s is given up.
 */
export class EventStream {
  readonly body: Readable;
  private readonly gone = new AbortController();
  private readonly comments: NodeJS.Timeout;
  private waiters: (() => void)[] = [];
  private ended = false;
  /** Set while the stream had not ended. */
  loss: StreamLoss | undefined;

  constructor() {
    this.body = new Readable({
      highWaterMark: ROOM_BYTES,
      read: () => this.wake(),
      destroy: (error, done) => {
        this.fail('client_left');
        done(error);
      },
    });
    this.body.on('error', () => undefined);
    this.comments = setInterval(() => this.isFull() || this.push(': still here\n\n'), COMMENT_MS);
    this.comments.unref();
  }

  /** Fires when the client is gone; its reason is the `loss`. */
  get signal(): AbortSignal {
    return this.gone.signal;
  }

  send<K extends keyof VpsStreamData>(event: K, data: VpsStreamData[K]): void {
    this.push(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  end(): void {
    if (this.ended) return;
    this.ended = true;
    clearInterval(this.comments);
    if (!this.body.destroyed) this.body.push(null);
  }

  /** Resolves when the client has taken enough, or is gone; null while there is room. */
  drained(): Promise<void> | null {
    if (!this.isFull()) return null;
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.fail('client_stalled');
        this.body.destroy();
      }, PATIENCE_MS);
      timer.unref();
      this.waiters.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  private isFull(): boolean {
    return !this.body.destroyed && this.body.readableLength > ROOM_BYTES;
  }

  private push(text: string): void {
    if (!this.ended && !this.body.destroyed) this.body.push(text);
  }

  /** Node asks for more before it takes the piece that makes room, and asks no second time: what is full now has room at once. */
  private wake(): void {
    for (const waiter of this.waiters.splice(0)) waiter();
  }

  private fail(reason: StreamLoss): void {
    clearInterval(this.comments);
    if (!this.ended && this.loss === undefined) {
      this.loss = reason;
      this.gone.abort(reason);
    }
    for (const waiter of this.waiters.splice(0)) waiter();
  }
}
