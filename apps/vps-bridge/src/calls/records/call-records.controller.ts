import { VPS_CALL_KINDS, VPS_CALL_STATUSES, shortened, type VpsCallList, type VpsCallView } from '@agentfleet/contracts';
import { AppError, FAILURE_KINDS } from '@agentfleet/errors';
import { CurrentCaller, Needs, decodeCursor, encodeCursor, type Caller } from '@agentfleet/platform';
import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiOkResponse, ApiParam, ApiQuery, ApiTags } from '@nestjs/swagger';
import { ApiErrors } from '../../api-docs/api-errors';
import { CALL_LIST, CALL_VIEW } from '../../api-docs/examples';
import { readCursor, readQuery, readTime } from '../../http/query';
import { callIdPrefix, isCallId } from './call-id';
import { renderCall, renderCallItem } from './call-record';
import { CallRepository } from './call.repository';
import { CallListDto, CallViewDto } from './calls.dto';

const LIMIT = { fallback: 50, max: 200, beyond: 'refused' } as const;

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
    const { limit, ...page } = readQuery(query, (reader) => ({
      limit: reader.limit(LIMIT),
      agentName: reader.text('agent_name'),
      sessionId: reader.text('session_id'),
      userId: reader.text('user_id'),
      status: reader.oneOf('status', VPS_CALL_STATUSES),
      kind: reader.oneOf('kind', VPS_CALL_KINDS),
      errorType: reader.oneOf('error_type', FAILURE_KINDS),
      since: readTime(reader, 'since'),
      until: readTime(reader, 'until'),
      after: readCursor(reader, positionOf),
    }));
    const found = await this.calls.list(caller.orgId, { ...page, limit: limit + 1 }, (time) => callIdPrefix(time.getTime()));
    const shown = found.slice(0, limit);
    const last = found.length > limit ? shown.at(-1) : undefined;
    return { calls: shown.map(renderCallItem), next_cursor: last === undefined ? null : encodeCursor([last._id]) };
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

/** The last call of the page before. */
function positionOf(cursor: string): string | undefined {
  const [callId, ...rest] = decodeCursor(cursor) ?? [];
  return typeof callId === 'string' && isCallId(callId) && rest.length === 0 ? callId : undefined;
}
