import { Readable } from 'node:stream';
import type { Lifecycle } from '../lifecycle';

const COMMENT_EVERY_MS = 15_000;
const ROOM_BYTES = 1024 * 1024;
const PATIENCE_MS = 60_000;

/** Headers of a `text/event-stream` answer; no proxy may hold it back. */
export const EVENT_STREAM_HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
} as const;

/** Why nobody takes the events any more. */
export type StreamLoss = 'client_left' | 'client_stalled';

export interface EventStreamOptions {
  /** Sent every 15 s while there is room, so that proxies and clients see life; without its colon. Default empty. */
  readonly comment?: string;
  /** At SIGTERM; default: the stream ends. */
  readonly atShutdown?: (stream: EventStream) => void;
}

/**
 * Server-sent events on their way to one client, in memory until the client takes them. A client that falls behind by more than
 * 1 MiB is its writer's business, in one of three ways: wait (`await stream.drained()`: after 60 s without progress the client
 * is given up), stop feeding it (`unsentBytes`), or send it away (`endWithin`).
 */
export class EventStream {
  /** The answer's body. */
  readonly body: Readable;
  private readonly gone = new AbortController();
  private readonly comments: NodeJS.Timeout;
  private waiters: (() => void)[] = [];
  private isEnded = false;

  constructor(
    readonly options: EventStreamOptions,
    private readonly closed: (stream: EventStream) => void,
  ) {
    this.body = new Readable({
      highWaterMark: ROOM_BYTES,
      read: () => this.wake(),
      destroy: (error, done) => {
        this.giveUp('client_left');
        done(error);
      },
    });
    this.body.on('error', () => undefined);
    this.comments = setInterval(() => this.isFull || this.push(`:${this.options.comment ?? ''}\n\n`), COMMENT_EVERY_MS);
    this.comments.unref();
  }

  /** Fires once the client is gone, or takes nothing for too long; its reason is a `StreamLoss`. Not after `end`. */
  get signal(): AbortSignal {
    return this.gone.signal;
  }

  get isOpen(): boolean {
    return !this.isEnded && !this.body.destroyed;
  }

  /** Bytes that nobody has taken yet. */
  get unsentBytes(): number {
    return this.body.readableLength;
  }

  get isFull(): boolean {
    return this.unsentBytes > ROOM_BYTES;
  }

  /** @param data one line of text; objects are written as JSON */
  send(event: { readonly event?: string; readonly id?: string | number; readonly data: object | string }): void {
    const data = typeof event.data === 'string' ? event.data : JSON.stringify(event.data);
    const id = event.id === undefined ? '' : `id: ${event.id}\n`;
    const name = event.event === undefined ? '' : `event: ${event.event}\n`;
    this.push(`${id}${name}data: ${data}\n\n`);
  }

  /** How long a client should wait before it comes back. */
  sendRetry(retryMs: number): void {
    this.push(`retry: ${retryMs}\n\n`);
  }

  /** No more is sent; what was sent is still on its way. */
  end(): void {
    if (this.isEnded) return;
    this.isEnded = true;
    if (!this.body.destroyed) this.body.push(null);
    this.close();
  }

  /** Ends, and cuts the connection of a client that has not read the rest by then: it would keep its socket for ever. */
  endWithin(ms: number): void {
    this.end();
    setTimeout(() => this.body.destroy(), ms).unref();
  }

  /** Resolves when the client has taken enough, or is gone; undefined while there is room. */
  drained(): Promise<void> | undefined {
    if (!this.isOpen || !this.isFull) return undefined;
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.giveUp('client_stalled');
        this.body.destroy();
      }, PATIENCE_MS);
      timer.unref();
      this.waiters.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  private push(text: string): void {
    if (this.isOpen) this.body.push(text);
  }

  /** Node asks for more before it takes the piece that makes room, and asks no second time: what is full now has room at once. */
  private wake(): void {
    for (const waiter of this.waiters.splice(0)) waiter();
  }

  private giveUp(reason: StreamLoss): void {
    if (!this.isEnded && !this.gone.signal.aborted) this.gone.abort(reason);
    this.wake();
    this.close();
  }

  private close(): void {
    clearInterval(this.comments);
    this.closed(this);
  }
}

/** The open event streams of this replica. */
export class EventStreams {
  private readonly streams = new Set<EventStream>();

  constructor(lifecycle: Lifecycle) {
    lifecycle.onDrain('event streams', () => {
      for (const stream of [...this.streams]) {
        if (stream.options.atShutdown) stream.options.atShutdown(stream);
        else stream.end();
      }
    });
  }

  /** Send it with `reply.headers(EVENT_STREAM_HEADERS).send(stream.body)`. */
  open(options: EventStreamOptions = {}): EventStream {
    const stream = new EventStream(options, (closed) => this.streams.delete(closed));
    this.streams.add(stream);
    return stream;
  }

  get size(): number {
    return this.streams.size;
  }
}
