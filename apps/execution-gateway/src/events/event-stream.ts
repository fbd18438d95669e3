import type { IncomingMessage } from 'node:http';
import { Lifecycle, type Caller } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { LiveCallers } from './live-callers';
import { SessionFeeds, type FollowedSession } from './session-feeds';

const PING_MS = 15_000;

/** Server-sent events: one watcher whose frames go out as `id` and `data`. */
@Injectable()
export class EventStream {
  private readonly ends = new Set<() => void>();

  constructor(
    private readonly feeds: SessionFeeds,
    private readonly callers: LiveCallers,
    lifecycle: Lifecycle,
  ) {
    lifecycle.onDrain('event streams', () => {
      for (const end of [...this.ends]) end();
    });
  }

  open(caller: Caller, session: FollowedSession, options: { position: number; untilRunEnd: boolean }, request: IncomingMessage, reply: FastifyReply): void {
    const response = reply.raw;
    if (response.destroyed) return; // gone while its credentials were looked up: its end was told before anybody listened
    const headers = { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache, no-transform', 'x-accel-buffering': 'no' };
    response.writeHead(200, { ...definedHeaders(reply), ...headers, connection: 'close' });
    response.write('retry: 1000\n\n');
    const ping = setInterval(() => response.write(': ping\n\n'), PING_MS);
    const watcher = this.feeds.watch(session, {
      kind: 'sse',
      send: (frame) => {
        response.write(`id: ${frame.seq}\ndata: ${frame.frame}\n\n`);
        if (options.untilRunEnd && frame.type === 'query_complete') end();
      },
      bufferedBytes: () => response.writableLength,
      close: () => response.end(),
    });
    const stop = (): void => {
      clearInterval(ping);
      this.ends.delete(end);
      forget();
      watcher.stop();
    };
    const end = (): void => {
      stop();
      response.end();
    };
    this.ends.add(end);
    const forget = this.callers.add({ caller, close: end });
    response.on('close', stop);
    request.on('error', stop);
    watcher.follow(options.position);
  }
}

/** Headers that hooks have put on the reply (CORS, correlation id): a hijacked reply does not send them by itself. */
function definedHeaders(reply: FastifyReply): Record<string, string | number | string[]> {
  const entries = Object.entries(reply.getHeaders()).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
  return Object.fromEntries(entries);
}
