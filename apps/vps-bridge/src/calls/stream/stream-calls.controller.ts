import { parseVpsStream } from '@agentfleet/contracts';
import { CurrentCaller, EVENT_STREAM_HEADERS, Needs, validationFailed, type Caller } from '@agentfleet/platform';
import { Body, Controller, Headers, HttpCode, Post, Res } from '@nestjs/common';
import { ApiBody, ApiHeader, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { ApiBodyErrors } from '../../api-docs/api-errors';
import { EVENTS, STREAM_BODY } from '../../api-docs/examples';
import { requireBody } from '../../http/require-body';
import { StreamBodyDto } from '../records/calls.dto';
import { IDEMPOTENCY_KEY_HEADER, readIdempotencyKey } from '../records/idempotency-key';
import { StreamCall } from './stream-call';

/** Nothing of a call may be stored on the way (contract section 6). */
const HEADERS = { ...EVENT_STREAM_HEADERS, 'cache-control': 'no-store' };

@ApiTags('calls')
@Controller('api/vps')
export class StreamCallsController {
  constructor(private readonly streamCall: StreamCall) {}

  /** Calls an agent and sends its text as it comes, as server-sent events; exactly one `done` or `error` comes last. */
  @Post('call/stream')
  @HttpCode(200)
  @Needs('vps:call')
  @ApiOperation({ operationId: 'Calls_stream' })
  @ApiHeader(IDEMPOTENCY_KEY_HEADER)
  @ApiBody({ type: StreamBodyDto, examples: { call: { value: STREAM_BODY } } })
  @ApiOkResponse({ description: 'Events attempt, text, failover, done, error; their data is JSON.', content: { 'text/event-stream': { schema: { type: 'string' }, example: EVENTS } } })
  @ApiBodyErrors('session_owner_mismatch', 'call_in_progress', 'idempotency_key_reused', 'overloaded')
  async stream(@Body() body: unknown, @CurrentCaller() caller: Caller, @Res() reply: FastifyReply, @Headers('idempotency-key') idempotencyKey?: string): Promise<void> {
    const parsed = parseVpsStream(requireBody(body));
    if (!parsed.ok) throw validationFailed(parsed.problems);
    const { events, replayed } = await this.streamCall.start(caller, parsed.value, readIdempotencyKey(idempotencyKey, 'call/stream', body));
    if (reply.raw.destroyed) events.body.destroy(); // the client left while the call was prepared
    if (replayed) void reply.header('Idempotency-Replayed', 'true');
    await reply.headers(HEADERS).send(events.body);
  }
}
