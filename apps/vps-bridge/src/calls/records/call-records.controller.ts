import { VPS_CALL_KINDS, VPS_CALL_STATUSES, shortened, type VpsCallList, type VpsCallView } from '@agentfleet/contracts';
import { AppError, FAILURE_KINDS } from '@agentfleet/errors';
import { CurrentCaller, Needs, validationFailed, type Caller } from '@agentfleet/platform';
import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiOkResponse, ApiParam, ApiQuery, ApiTags } from '@nestjs/swagger';
import { ApiErrors } from '../../api-docs/api-errors';
import { CALL_LIST, CALL_VIEW } from '../../api-docs/examples';
import { queryInteger, queryOneOf, queryText, queryTime } from '../../query';
import { callIdPrefix, isCallId } from './call-id';
import { renderCall, renderCallItem } from './call-record';
import { CallRepository } from './call.repository';
import { CallListDto, CallViewDto } from './calls.dto';

const LIST = { limit: 50, max: 200 };

@ApiTags('calls')
@Controller('api/vps/calls')
export class CallRecordsController {
  constructor(private readonly calls: CallRepository) {}

  /** Calls, newest first. Plain calls appear within a second of their end. */
  @Get()
  @Needs('vps:read', 'vps:call', 'vps:manage')
  @ApiQuery({ name: 'agent_name', required: false, type: String })
  @ApiQuery({ name: 'session_id', required: false, type: String })
  @ApiQuery({ name: 'user_id', required: false, type: String })
  @ApiQuery({ name: 'status', required: false, enum: VPS_CALL_STATUSES })
  @ApiQuery({ name: 'kind', required: false, enum: VPS_CALL_KINDS })
  @ApiQuery({ name: 'error_type', required: false, enum: FAILURE_KINDS })
  @ApiQuery({ name: 'since', required: false, type: String, format: 'date-time' })
  @ApiQuery({ name: 'until', required: false, type: String, format: 'date-time' })
  @ApiQuery({ name: 'limit', required: false, schema: { type: 'integer', minimum: 1, maximum: 200, default: 50 } })
  @ApiQuery({ name: 'cursor', required: false, type: String })
  @ApiOkResponse({ type: CallListDto, example: CALL_LIST })
  @ApiErrors('validation_failed')
  async list(@Query() query: unknown, @CurrentCaller() caller: Caller): Promise<VpsCallList> {
    const limit = queryInteger(query, 'limit', 1, LIST.max) ?? LIST.limit;
    const page = {
      agentName: queryText(query, 'agent_name'),
      sessionId: queryText(query, 'session_id'),
      userId: queryText(query, 'user_id'),
      status: queryOneOf(query, 'status', VPS_CALL_STATUSES),
      kind: queryOneOf(query, 'kind', VPS_CALL_KINDS),
      errorType: queryOneOf(query, 'error_type', FAILURE_KINDS),
      since: queryTime(query, 'since'),
      until: queryTime(query, 'until'),
      after: readCursor(queryText(query, 'cursor')),
      limit: limit + 1,
    };
    const found = await this.calls.list(caller.orgId, page, (time) => callIdPrefix(time.getTime()));
    const shown = found.slice(0, limit);
    const last = found.length > limit ? shown.at(-1) : undefined;
    return { calls: shown.map(renderCallItem), next_cursor: last === undefined ? null : Buffer.from(last._id).toString('base64url') };
  }

  /** One call, with its result once it has ended. */
  @Get(':callId')
  @Needs('vps:read', 'vps:call', 'vps:manage')
  @ApiParam({ name: 'callId', example: 'call_01JDC6ZK3M8S' })
  @ApiOkResponse({ type: CallViewDto, example: CALL_VIEW })
  @ApiErrors('call_not_found')
  async get(@Param('callId') callId: string, @CurrentCaller() caller: Caller): Promise<VpsCallView> {
    const call = isCallId(callId) ? await this.calls.find(caller.orgId, callId) : null;
    if (call === null) throw new AppError('call_not_found', { message: `Call '${shortened(callId)}' not found` });
    return renderCall(call);
  }
}

/** @throws AppError `validation_failed` for a cursor that no list gave out. */
function readCursor(cursor: string | null): string | null {
  if (cursor === null) return null;
  const callId = Buffer.from(cursor, 'base64url').toString('latin1');
  if (isCallId(callId)) return callId;
  throw validationFailed([{ field: 'cursor', message: 'must be the next_cursor of a former answer' }]);
}
