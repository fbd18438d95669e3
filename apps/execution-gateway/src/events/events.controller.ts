import { CurrentCaller, Needs, type Caller } from '@agentfleet/platform';
import { Controller, Get, Headers, Inject, Param, Query, Req, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { QueryReader } from '../query';
import { SessionDirectory } from '../sessions/session-directory';
import { SESSION_PATHS } from '../sessions/sessions.controller';
import { EventRepository } from './event.repository';
import { EventStream } from './event-stream';

interface EventQuery {
  readonly afterSeq: number;
  readonly limit: number;
  readonly runId: string | undefined;
  readonly untilRunEnd: boolean;
}

@ApiTags('events')
@Controller(SESSION_PATHS)
export class EventsController {
  constructor(
    @Inject(SessionDirectory) private readonly directory: SessionDirectory,
    @Inject(EventRepository) private readonly events: EventRepository,
    @Inject(EventStream) private readonly stream: EventStream,
  ) {}

  /** Events after a position, oldest first, byte-equal to what sockets get. */
  @Get(':id/events')
  @Needs('sessions:read')
  async list(@CurrentCaller() caller: Caller, @Param('id') id: string, @Query() query: Record<string, unknown>, @Res() reply: FastifyReply): Promise<void> {
    const { session, run } = await this.directory.get(caller.orgId, id);
    const { afterSeq, limit, runId } = readEventQuery(query, undefined);
    const found = await this.events.after(session._id, afterSeq, { limit: limit + 1, ...(runId === undefined ? {} : { runId }) });
    const shown = found.slice(0, limit);
    const last = shown.at(-1);
    const cursor = found.length > limit && last ? `,"next_cursor":"${last.seq}"` : '';
    // The stored texts are put together as they are: parsing them and writing them again could change their bytes.
    const text = `{"events":[${shown.map((event) => event.frame).join(',')}],"first_seq":1,"last_seq":${run?.last_seq ?? 0}${cursor}}`;
    void reply.type('application/json; charset=utf-8').send(text);
  }

  /** The same as server-sent events, live until the client leaves. */
  @Get(':id/events/stream')
  @Needs('sessions:read')
  async follow(
    @CurrentCaller() caller: Caller,
    @Param('id') id: string,
    @Query() query: Record<string, unknown>,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { session, run } = await this.directory.get(caller.orgId, id);
    const { afterSeq, untilRunEnd } = readEventQuery(query, lastEventId);
    const position = Math.min(afterSeq, run?.last_seq ?? 0);
    if (request.method === 'HEAD') {
      void reply.type('text/event-stream; charset=utf-8').send('');
      return;
    }
    reply.hijack();
    this.stream.open(caller, { key: session._id, orgId: session.org_id, sessionId: session.session_id }, { position, untilRunEnd }, request.raw, reply);
  }
}

function readEventQuery(query: Record<string, unknown>, lastEventId: string | undefined): EventQuery {
  const reader = new QueryReader(lastEventId === undefined || lastEventId === '' ? query : { ...query, after_seq: lastEventId });
  const position = { min: 0, max: Number.MAX_SAFE_INTEGER };
  const afterSeq = reader.integer('after_seq', position) ?? reader.integer('cursor', position) ?? 0;
  const until = reader.text('until');
  if (until !== undefined && until !== 'run_end') reader.refuse('until', 'must be run_end');
  const [limit, runId] = [reader.limit(), reader.text('run_id')];
  reader.finish();
  return { afterSeq, limit, runId, untilRunEnd: until === 'run_end' };
}
