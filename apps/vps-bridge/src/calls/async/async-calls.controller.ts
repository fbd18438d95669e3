import { parseVpsCall, type VpsCallAccepted } from '@agentfleet/contracts';
import { CurrentCaller, Needs, validationFailed, type Caller } from '@agentfleet/platform';
import { Body, Controller, Headers, HttpCode, Post, Res } from '@nestjs/common';
import { ApiAcceptedResponse, ApiBody, ApiHeader, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { ApiBodyErrors } from '../../api-docs/api-errors';
import { CALL_ACCEPTED, CALL_BODY } from '../../api-docs/examples';
import { requireBody } from '../../http/require-body';
import { CallAcceptedDto, CallBodyDto } from '../records/calls.dto';
import { IDEMPOTENCY_KEY_HEADER, readIdempotencyKey } from '../records/idempotency-key';
import { AcceptCall } from './accept-call';

@ApiTags('calls')
@Controller('api/vps')
export class AsyncCallsController {
  constructor(private readonly acceptCall: AcceptCall) {}

  /** Accepts a call and answers without waiting for the agent; `GET /calls/{call_id}` has its result. */
  @Post('call/async')
  @HttpCode(202)
  @Needs('vps:call')
  @ApiOperation({ operationId: 'Calls_callAsync' })
  @ApiHeader(IDEMPOTENCY_KEY_HEADER)
  @ApiBody({ type: CallBodyDto, examples: { call: { value: CALL_BODY } } })
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
    const { accepted, replayed } = await this.acceptCall.accept(caller, parsed.value, readIdempotencyKey(idempotencyKey, 'call/async', body));
    void reply.header('Location', `/api/vps/calls/${accepted.call_id}`);
    if (replayed) void reply.header('Idempotency-Replayed', 'true');
    return accepted;
  }
}
