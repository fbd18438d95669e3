import type { IncomingHttpHeaders } from 'node:http';
import type { Duplex } from 'node:stream';
import type { JsonObject } from '@agentfleet/contracts';
import type { Type } from '@nestjs/common';
import { WebSocket } from 'ws';
import type { Caller } from '../identity/caller';

/** What a policy sees of an upgrade request; path, headers and key were checked before. */
export interface UpgradeRequest {
  readonly path: string;
  /** Segments named in the route's path, percent-decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly rawQuery: string;
  readonly headers: IncomingHttpHeaders;
  readonly remoteAddress: string;
  readonly correlationId: string;
  /** Checks the headers' credentials, or `queryToken` when there are none. @throws AppError 401, 429, 503 */
  authenticate(options?: { readonly queryToken?: string | undefined }): Promise<Caller>;
}

export type UpgradeDecision<C> =
  | { readonly kind: 'accept'; readonly context: C }
  | { readonly kind: 'refuse'; readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body: object };

export interface SocketLimits {
  /** A larger message closes the socket with 1009. */
  readonly maxPayloadBytes: number;
  readonly pingIntervalMs: number;
  /** No pong, ping or message for this long: close 4408. */
  readonly staleAfterMs: number;
  /** Above this much unsent data the socket is not read, and after 30 s it is closed. */
  readonly maxBufferedBytes: number;
  /** More refused frames than this within 10 s: close 1008. */
  readonly badFramesPer10s: number;
  /** At shutdown the closes of all sockets are spread over this time; default 0. */
  readonly drainSpreadMs?: number;
}

/** Why a frame gets an error reply. */
export type FrameProblem =
  | { readonly kind: 'malformed'; readonly reason: 'empty' | 'not_json' | 'not_object' | 'too_deep' | 'no_name' | 'not_utf8'; readonly frame: JsonObject | undefined }
  | { readonly kind: 'unknown'; readonly name: string; readonly frame: JsonObject }
  /** A binary frame where no method is `@OnBinaryFrame()`. */
  | { readonly kind: 'binary'; readonly data: Buffer }
  | { readonly kind: 'failed'; readonly error: unknown; readonly frame: JsonObject };

type Reply = object | string | undefined;

/** The rules of one socket path; a provider, since limits come from the environment. */
export interface SocketPolicy<C> {
  limits(): SocketLimits;
  /** Before the upgrade. A thrown AppError is answered through the app's error renderer. */
  authorise(request: UpgradeRequest): Promise<UpgradeDecision<C>>;
  /** The one error reply of a bad frame; `undefined` sends nothing. */
  problemReply(problem: FrameProblem, socket: FleetSocket<C>): Reply;
  /** JSON in a binary frame (first byte `{`) is handled like text when true; default false. */
  readonly acceptsBinaryJson?: boolean;
  /** Deeper JSON is malformed; default 64. */
  readonly maxDepth?: number;
  /**
   * The lane of a frame, such as the id of the request that its bytes belong to: frames of one lane are handled in order, lanes do
   * not wait for each other. Default, and `undefined`: the control lane. Must be cheap, and never throw.
   */
  laneOf?(frame: JsonObject | Buffer): string | undefined;
  /** Exactly once for each accepted context: its socket is gone, or never came to be. */
  release?(context: C): void;
}

/** Options of `@SocketGateway`; evaluated at import, so limits belong to the policy. */
export interface SocketRoute {
  /** `/sessions/{id}/execute`: a name in braces matches one segment. */
  readonly path: string;
  /** The field that names a frame's handler: `type` or `action`. */
  readonly discriminator: string;
  readonly policy: Type<SocketPolicy<unknown>>;
}

/** Why a socket is not read: too many of its frames wait or lanes work, it does not take what it is sent, or what an app says. */
export type PauseReason = 'frames' | 'lanes' | 'unsent' | (string & {});

/** What is sent within one turn is held back up to so many bytes. */
const HELD_BYTES = 16_384;

/** A `ws` socket with what we keep of it. There are thousands that do nothing: what only busy ones need is made when they do. */
export class FleetSocket<C = unknown> extends WebSocket {
  /** Opaque, unique in this process. */
  id = '';
  context!: C; // set before anyone sees the socket
  correlationId = '';
  remoteAddress = '';
  /** Monotonic milliseconds of the last sign of life. */
  lastSeenAt = 0;
  /** Monotonic milliseconds since when it has more unsent than it may. */
  congestedSince: number | undefined;
  badFrames: { count: number; windowEndsAt: number } | undefined;
  slot = 0;
  /** What belongs to it in the adapter; there from the upgrade on. */
  ports: SocketPorts | undefined;
  private pauseReasons: Set<PauseReason> | undefined;
  private isHolding = false;

  /** Resolves when the frames of the control lane that came until now are answered. */
  answered(): Promise<void> {
    return this.ports?.answered() ?? Promise.resolve();
  }

  /**
   * Sends an object as JSON, a text, or bytes; nothing when the socket is closing. What is sent within one turn of the event loop
   * leaves in one write: the system call costs more than making the message.
   */
  push(message: object | string | Buffer): void {
    const { ports } = this;
    if (this.readyState !== WebSocket.OPEN || !ports) return;
    const isReady = typeof message === 'string' || Buffer.isBuffer(message);
    this.hold(ports.connection);
    this.send(isReady ? message : JSON.stringify(message));
    ports.sent(this);
  }

  private hold(connection: Duplex): void {
    if (this.isHolding) {
      if (connection.writableLength < HELD_BYTES) return;
      connection.uncork(); // much at once is written while it is made
      connection.cork();
      return;
    }
    this.isHolding = true;
    connection.cork();
    process.nextTick(() => {
      this.isHolding = false;
      connection.uncork();
    });
  }

  /** It is not read until every reason is gone. */
  pauseFor(reason: PauseReason): void {
    this.pauseReasons ??= new Set();
    if (this.pauseReasons.size === 0) this.pause();
    this.pauseReasons.add(reason);
  }

  /** While we did not read it, its silence proved nothing: its clock starts anew. */
  resumeFrom(reason: PauseReason): void {
    if (this.pauseReasons?.delete(reason) !== true || this.pauseReasons.size > 0) return;
    this.lastSeenAt = performance.now();
    this.resume();
  }
}

/** What a socket needs of the adapter. */
export interface SocketPorts {
  /** The connection below it. */
  readonly connection: Duplex;
  answered(): Promise<void>;
  /** Told of everything that was sent. */
  sent(socket: FleetSocket): void;
}
