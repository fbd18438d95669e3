import { EVENT_STREAM_HEADERS, EventStreams, LiveCallers, type Caller } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { SessionFeeds, type FollowedSession } from './session-feeds';

/** A client that is sent away has so long to read what was sent before. */
const LEAVE_MS = 10_000;

/** Follows a session over server-sent events: one watcher whose frames go out as `id` and `data`. */
@Injectable()
export class SessionStreams {
  constructor(
    private readonly streams: EventStreams,
    private readonly feeds: SessionFeeds,
    private readonly callers: LiveCallers,
  ) {}

  open(caller: Caller, session: FollowedSession, options: { position: number; end: number; untilRunEnd: boolean }, reply: FastifyReply): void {
    const stream = this.streams.open({ comment: ' ping', atShutdown: () => end() });
    stream.sendRetry(1000);
    const watcher = this.feeds.watch(session, {
      kind: 'sse',
      send: (frame) => {
        stream.send({ id: frame.seq, data: frame.frame });
        if (options.untilRunEnd && frame.type === 'query_complete') end();
      },
      bufferedBytes: () => stream.unsentBytes,
      close: () => end(),
    });
    const live = this.callers.add(caller, ['sessions:read'], () => end());
    const stop = (): void => {
      live.remove();
      watcher.stop();
    };
    const end = (): void => {
      stop();
      stream.endWithin(LEAVE_MS);
    };
    stream.signal.addEventListener('abort', stop);
    void reply.headers({ ...EVENT_STREAM_HEADERS, connection: 'close' }).send(stream.body);
    watcher.follow(options.position, options.end);
  }
}
