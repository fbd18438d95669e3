import { parseVpsCall, parseVpsStream, type VpsCallAccepted, type VpsCallResult } from '@agentfleet/contracts';
import { CurrentCaller, Needs, validationFailed, type Caller } from '@agentfleet/platform';
import { Body, Controller, Headers, HttpCode, Post, Res } from '@nestjs/common';
import { ApiAcceptedResponse, ApiBody, ApiHeader, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { ApiBodyErrors } from '../api-docs/api-errors';
import { CALL_ACCEPTED, CALL_BODY, CALL_RESULT, EVENTS, FAILED_CALL, STREAM_BODY } from '../api-docs/examples';
import { requireBody } from '../require-body';
import { AsyncCalls } from './async/call-queue';
import { CallAgent } from './call-agent';
import { readIdempotencyKey } from './records/idempotency-key';
import { CallAcceptedDto, CallBodyDto, CallResultDto, StreamBodyDto } from './records/calls.dto';
import { StreamCall } from './stream/stream-call';

const EVENT_STREAM_HEADERS = { 'Content-Type': 'text/event-stream; charset=utf-8', 'Cache-Control': 'no-store', 'X-Accel-Buffering': 'no' };
const CALL = { type: CallBodyDto, examples: { call: { value: CALL_BODY } } };
/** Without an example: Swagger UI would fill it in, and it would be used up after the first try. */
const IDEMPOTENCY_KEY = {
  name: 'Idempotency-Key',
  required: false,
  description: 'Makes a repeated call act once: the same key with the same body gets the first result again, with another body 422. 1 to 255 printable ASCII characters, such as order-4711, kept for 24 h.',
};

@ApiTags('calls')
@Controller('api/vps')
export class CallsController {
  constructor(
    private readonly callAgent: CallAgent,
    private readonly asyncCalls: AsyncCalls,
    private readonly streamCall: StreamCall,
  ) {}

  /** Calls an agent, with retries and its fallback chain. 200 whether or not the call succeeded: read `success`. */
  @Post('call')
  @HttpCode(200)
  @Needs('vps:call')
  @ApiHeader(IDEMPOTENCY_KEY)
  @ApiBody(CALL)
  @ApiOkResponse({ type: CallResultDto, examples: { answered: { summary: 'answered by the fallback', value: CALL_RESULT }, failed: { summary: 'nobody answered', value: FAILED_CALL } } })
  @ApiBodyErrors('session_owner_mismatch', 'call_in_progress', 'idempotency_key_reused', 'overloaded', 'answer_not_stored')
  async call(
    @Body() body: unknown,
    @CurrentCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Headers('idempotency-key') idempotencyKey?: string,
  ): Promise<VpsCallResult> {
    const parsed = parseVpsCall(requireBody(body));
    if (!parsed.ok) throw validationFailed(parsed.problems);
    const { result, replayed } = await this.callAgent.call(caller, parsed.value, readIdempotencyKey(idempotencyKey, 'call', body));
    if (replayed) void reply.header('Idempotency-Replayed', 'true');
    return result;
  }

  /** Accepts a call and answers without waiting for the agent; `GET /calls/{call_id}` has its result. */
  @Post('call/async')
  @HttpCode(202)
  @Needs('vps:call')
  @ApiHeader(IDEMPOTENCY_KEY)
  @ApiBody(CALL)
  @ApiAcceptedResponse({ type: CallAcceptedDto, example: CALL_ACCEPTED, headers: { Location: { description: 'Where its result will be', schema: { type: 'string' } } } })
  @ApiBodyErrors('session_owner_mismatch', 'call_in_progress', 'idempotency_key_reused')
  async callAsync(
    @Body() body: unknown,
    @CurrentCaller() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Headers('idempotency-key') idempotencyKey?: string,
  ): Promise<VpsCallAccepted> {
    const parsed = parseVpsCall(requireBody(body));
    if (!parsed.ok) throw validationFailed(parsed.problems);
    const { accepted, replayed } = await this.asyncCalls.accept(caller, parsed.value, readIdempotencyKey(idempotencyKey, 'call/async', body));
    void reply.header('Location', `/api/vps/calls/${accepted.call_id}`);
    if (replayed) void reply.header('Idempotency-Replayed', 'true');
    return accepted;
  }

  /** Calls an agent and sends its text as it comes, as server-sent events; exactly one `done` or `error` comes last. */
  @Post('call/stream')
  @HttpCode(200)
  @Needs('vps:call')
  @ApiHeader(IDEMPOTENCY_KEY)
  @ApiBody({ type: StreamBodyDto, examples: { call: { value: STREAM_BODY } } })
  @ApiOkResponse({ description: 'Events attempt, text, failover, done, error; their data is JSON.', content: { 'text/event-stream': { schema: { type: 'string' }, example: EVENTS } } })
  @ApiBodyErrors('session_owner_mismatch', 'call_in_progress', 'idempotency_key_reused', 'overloaded')
  async stream(@Body() body: unknown, @CurrentCaller() caller: Caller, @Res() reply: FastifyReply, @Headers('idempotency-key') idempotencyKey?: string): Promise<void> {
    const parsed = parseVpsStream(requireBody(body));
    if (!parsed.ok) throw validationFailed(parsed.problems);
    const { events, replayed } = await this.streamCall.start(caller, parsed.value, readIdempotencyKey(idempotencyKey, 'call/stream', body));
    if (reply.raw.destroyed) events.body.destroy(); // the client left while the call was prepared
    if (replayed) void reply.header('Idempotency-Replayed', 'true');
    await reply.headers(EVENT_STREAM_HEADERS).send(events.body);
  }
}
