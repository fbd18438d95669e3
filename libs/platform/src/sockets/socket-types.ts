import type { IncomingHttpHeaders } from 'node:http';
import type { JsonObject } from '@agentfleet/contracts';
import type { Type } from '@nestjs/common';
import { WebSocket, type RawData } from 'ws';
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

export type FrameHandler = (frame: JsonObject) => unknown;

/** A `ws` socket with what we keep of it. */
export class FleetSocket<C = unknown> extends WebSocket {
  /** Opaque, unique in this process. */
  id = '';
  context!: C; // set before anyone sees the socket
  correlationId = '';
  remoteAddress = '';
  readonly handlers = new Map<string, FrameHandler>();
  /** Monotonic milliseconds of the last sign of life. */
  lastSeenAt = 0;
  readonly queue: { readonly data: RawData; readonly isBinary: boolean }[] = [];
  working = false;
  pausedForQueue = false;
  congestedSince: number | undefined;
  badFrames = { count: 0, windowEndsAt: 0 };
  slot = 0;

  /** Sends an object as JSON, or a text; nothing when the socket is closing. */
  reply(message: object | string): void {
    if (this.readyState !== WebSocket.OPEN) return;
    this.send(typeof message === 'string' ? message : JSON.stringify(message));
  }
}
