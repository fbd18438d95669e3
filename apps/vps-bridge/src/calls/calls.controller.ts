import { parseVpsCall, type VpsCallResult } from '@agentfleet/contracts';
import { CurrentCaller, Needs, validationFailed, type Caller } from '@agentfleet/platform';
import { Body, Controller, Headers, HttpCode, Post, Res } from '@nestjs/common';
import { ApiBody, ApiHeader, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { ApiBodyErrors } from '../api-docs/api-errors';
import { CallResultDto } from '../api-docs/call-result.dto';
import { CALL_BODY, CALL_RESULT, FAILED_CALL } from '../api-docs/examples';
import { requireBody } from '../http/require-body';
import { CallAgent } from './call-agent';
import { CallBodyDto } from './records/calls.dto';
import { IDEMPOTENCY_KEY_HEADER, readIdempotencyKey } from './records/idempotency-key';

@ApiTags('calls')
@Controller('api/vps')
export class CallsController {
  constructor(private readonly callAgent: CallAgent) {}

  /** Calls an agent, with retries and its fallback chain. 200 whether or not the call succeeded: read `success`. */
  @Post('call')
  @HttpCode(200)
  @Needs('vps:call')
  @ApiHeader(IDEMPOTENCY_KEY_HEADER)
  @ApiBody({ type: CallBodyDto, examples: { call: { value: CALL_BODY } } })
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
}
