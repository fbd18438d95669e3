import { CurrentCaller, EVENT_STREAM_HEADERS, Needs, type Caller } from '@agentfleet/platform';
import { Controller, Get, Headers, Param, Query, Req, Res } from '@nestjs/common';
import { ApiExcludeController, ApiHeader, ApiOkResponse, ApiQuery, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ApiErrors } from '../api-docs/api-errors';
import { EVENT_LIST, EVENT_STREAM } from '../api-docs/examples';
import { ApiAfterSeq, ApiPage, ApiSessionId } from '../api-docs/parameters';
import { pageLimit, readQuery, type UrlQuery } from '../paging/page-query';
import { SessionStates } from '../sessions/session-states';
import { EventListDto } from './event.dto';
import { EventRepository } from './event.repository';
import { SessionStreams } from './session-streams';

interface EventQuery {
  readonly afterSeq: number;
  readonly limit: number;
  readonly runId: string | undefined;
  readonly untilRunEnd: boolean;
}

@ApiTags('events')
@Controller('sessions')
export class EventsController {
  constructor(
    private readonly states: SessionStates,
    private readonly events: EventRepository,
    private readonly streams: SessionStreams,
  ) {}

  /** Events after a position, oldest first, byte-equal to what sockets get. */
  @Get(':id/events')
  @Needs('sessions:read')
  @ApiSessionId()
  @ApiAfterSeq()
  @ApiPage()
  @ApiQuery({ name: 'run_id', required: false, description: 'Events of this run only', schema: { type: 'string' } })
  @ApiOkResponse({ type: EventListDto, example: EVENT_LIST })
  @ApiErrors('session_not_found', 'refused_query')
  async list(@CurrentCaller() caller: Caller, @Param('id') id: string, @Query() query: UrlQuery, @Res() reply: FastifyReply): Promise<void> {
    const { session, run } = await this.states.get(caller.orgId, id);
    const { afterSeq, limit, runId } = readEventQuery(query, undefined);
    const found = await this.events.between(session._id, afterSeq, run?.last_seq ?? 0, { limit: limit + 1, ...(runId === undefined ? {} : { runId }) });
    const shown = found.slice(0, limit);
    const last = shown.at(-1);
    const cursor = found.length > limit && last ? `,"next_cursor":"${last.seq}"` : '';
    // The stored texts are put together as they are: parsing them and writing them again could change their bytes.
    const text = `{"events":[${shown.map((event) => event.frame).join(',')}],"first_seq":1,"last_seq":${run?.last_seq ?? 0}${cursor}}`;
    void reply.type('application/json; charset=utf-8').send(text);
  }

  /** The same as server-sent events. It streams and does not end by itself: a client that waits for the end waits for ever. */
  @Get(':id/events/stream')
  @Needs('sessions:read')
  @ApiSessionId()
  @ApiAfterSeq()
  @ApiQuery({ name: 'until', required: false, description: '`run_end`: the stream ends after the next query_complete; otherwise when the client leaves or the session is deleted', schema: { type: 'string', enum: ['run_end'] } })
  @ApiHeader({ name: 'Last-Event-ID', required: false, description: 'The last event that was seen; counts before after_seq' })
  @ApiOkResponse({ description: 'id: the seq of the event; data: the event as JSON; `: ping` every 15 s. Swagger UI shows nothing of it before its end: use `curl -N`.', content: { 'text/event-stream': { schema: { type: 'string' }, example: EVENT_STREAM } } })
  @ApiErrors('session_not_found', 'refused_query')
  async follow(
    @CurrentCaller() caller: Caller,
    @Param('id') id: string,
    @Query() query: UrlQuery,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { session, run } = await this.states.get(caller.orgId, id);
    const { afterSeq, untilRunEnd } = readEventQuery(query, lastEventId);
    const position = Math.min(afterSeq, run?.last_seq ?? 0);
    if (request.method === 'HEAD') {
      void reply.headers(EVENT_STREAM_HEADERS).send(''); // of a stream Fastify would read the body without an end
      return;
    }
    this.streams.open(caller, { key: session._id, orgId: session.org_id, sessionId: session.session_id }, { position, end: run?.last_seq ?? 0, untilRunEnd }, reply);
  }
}

/** The same routes for the clients of the v1 dialect; described once, above. */
@ApiExcludeController()
@Controller('api/v1/sessions')
export class EventsV1Controller extends EventsController {}

function readEventQuery(query: UrlQuery, lastEventId: string | undefined): EventQuery {
  return readQuery(lastEventId === undefined || lastEventId === '' ? query : { ...query, after_seq: lastEventId }, (reader) => {
    const position = (name: string) => reader.whole(name, 0, Number.MAX_SAFE_INTEGER);
    const afterSeq = position('after_seq') ?? position('cursor') ?? 0;
    const until = reader.text('until');
    if (until !== undefined && until !== 'run_end') reader.refuse('until', 'must be run_end');
    return { afterSeq, limit: pageLimit(reader), runId: reader.text('run_id'), untilRunEnd: until === 'run_end' };
  });
}
