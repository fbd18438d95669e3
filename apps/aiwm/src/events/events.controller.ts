import { AIWM_EVENT_TYPES, AIWM_QUERY_DIALECT, QueryReader, type AiwmEventType } from '@agentfleet/contracts';
import { CurrentCaller, EVENT_STREAM_HEADERS, Needs, validationFailed, type Caller } from '@agentfleet/platform';
import { Controller, Get, Query, Req, Res } from '@nestjs/common';
import { ApiOkResponse, ApiQuery, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ApiErrors } from '../api/api-docs';
import { EventHub } from './event-hub';

function readTypes(query: Readonly<Record<string, unknown>>): ReadonlySet<AiwmEventType> {
  const reader = new QueryReader(query, AIWM_QUERY_DIALECT);
  const value = reader.raw('types');
  if (value === undefined) return new Set(AIWM_EVENT_TYPES);
  const given = typeof value === 'string' ? value.split(',') : [''];
  const known = AIWM_EVENT_TYPES.filter((type) => given.includes(type));
  if (known.length !== new Set(given).size) reader.refuse('types', `must be a comma list of ${AIWM_EVENT_TYPES.join(', ')}`);
  if (reader.problems.length > 0) throw validationFailed(reader.problems);
  return new Set(known);
}

const STREAM = [
  'event: ready\ndata: {"at":"2026-03-01T10:00:00.000Z","replica":"aiwm-7f3a9b12"}',
  'id: 5f0c1d2e3f4a5b6c7d8e9f00\nevent: presence\ndata: {"orgId":"…","agentId":"…","from":"online","to":"stale","reason":"heartbeat_late","at":"…"}',
  '',
].join('\n\n');

@ApiTags('events')
@Controller('events')
export class EventsController {
  constructor(private readonly hub: EventHub) {}

  /**
   * Streams the events of the caller's organization; does not end.
   * @remarks Server-sent events for as long as the credentials are good; nothing is replayed. Swagger UI waits for an end and shows nothing: use curl -N, or an EventSource that can send headers.
   */
  @Get()
  @Needs('agents:read')
  @ApiQuery({ name: 'types', required: false, schema: { type: 'string', example: 'presence,config' } })
  @ApiOkResponse({ description: 'Events ready, presence, health, audit, config, degraded, end', content: { 'text/event-stream': { schema: { type: 'string' }, example: STREAM } } })
  @ApiErrors(400, 401, 403, 429, 503)
  open(@CurrentCaller() caller: Caller, @Query() query: Record<string, unknown>, @Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    const types = readTypes(query);
    this.hub.checkRoom(caller.orgId);
    void reply.headers({ ...EVENT_STREAM_HEADERS, 'cache-control': 'no-store' });
    // HEAD: the headers alone; a stream would hold a place that nobody reads
    void reply.send(request.method === 'HEAD' ? undefined : this.hub.open(caller, types));
  }
}
