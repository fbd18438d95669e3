import { IDEMPOTENCY_KEY_PATTERN, isJsonObject, readCancel, readRunRequest, type GatewayMessageView, type JsonObject, type ParsedFrame, type RunList, type RunView } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import { CurrentCaller, encodeCursor, ENV, Needs, type Caller } from '@agentfleet/platform';
import { Body, Controller, Get, Headers, HttpCode, Inject, Param, Post, Query, Res } from '@nestjs/common';
import { ApiAcceptedResponse, ApiBody, ApiExcludeController, ApiHeader, ApiOkResponse, ApiParam, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { ApiBodyErrors, ApiErrors } from '../api-docs/api-errors';
import { CANCEL_BODY, CANCELLED, ENDED_RUN, FAILED_RUN, MESSAGE_LIST, RUN_BODY, RUN_LIST, STARTED_RUN } from '../api-docs/examples';
import { ApiPage, ApiSessionId } from '../api-docs/parameters';
import type { ExecutionGatewayEnv } from '../env';
import { indexPosition, newestFirstCursor, newestFirstPosition, pageLimit, readQuery, refused, type UrlQuery } from '../paging/page-query';
import { SessionStates } from '../sessions/session-states';
import { AdmitRun } from './admit-run';
import { CancelRun } from './cancel-run';
import { RunRepository } from './run.repository';
import { CancelDto, CancelledDto, MessageListDto, RunDto, RunListDto, StartRunDto } from './run.dto';
import { runView } from './run-views';
import { messageView } from './stored-messages';
import { TranscriptRepository } from './transcript.repository';

const IDEMPOTENCY_KEY = { name: 'Idempotency-Key', required: false, description: 'Makes a repeated request start nothing; 1 to 255 visible ASCII characters, kept as long as the run.' };

@ApiTags('runs')
@Controller('sessions')
export class RunsController {
  constructor(
    private readonly states: SessionStates,
    private readonly admitRun: AdmitRun,
    private readonly cancelRun: CancelRun,
    private readonly runs: RunRepository,
    private readonly transcripts: TranscriptRepository,
    @Inject(ENV) private readonly env: ExecutionGatewayEnv,
  ) {}

  /** Starts a run in the background: 202. With an `Idempotency-Key` a repeated request starts nothing. */
  @Post(':id/runs')
  @HttpCode(202)
  @Needs('sessions:execute')
  @ApiSessionId()
  @ApiHeader(IDEMPOTENCY_KEY)
  @ApiBody({ type: StartRunDto, examples: { run: { value: RUN_BODY } } })
  @ApiAcceptedResponse({
    type: RunDto,
    example: STARTED_RUN,
    headers: {
      Location: { description: 'Where the run is', schema: { type: 'string' } },
      'Idempotency-Replayed': { description: '`true` when the key started this run before', schema: { type: 'string' } },
    },
  })
  @ApiBodyErrors('session_not_found', 'busy', 'idempotency_mismatch', 'price_unknown')
  async start(
    @CurrentCaller() caller: Caller,
    @Param('id') id: string,
    @Body() body: unknown,
    @Headers('idempotency-key') key: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<RunDto> {
    const { session } = await this.states.get(caller.orgId, id);
    const request = required(readRunRequest(objectOf(body), { maxInputBytes: this.env.GATEWAY_MAX_INPUT_BYTES, keyField: null }));
    if (key !== undefined && !IDEMPOTENCY_KEY_PATTERN.test(key)) {
      throw refused([{ field: 'Idempotency-Key', message: 'Idempotency-Key must be 1 to 255 visible ASCII characters' }]);
    }
    const { run, isReplay } = await this.admitRun.run(session._id, { ...request, idempotencyKey: key });
    if (isReplay) void reply.header('Idempotency-Replayed', 'true');
    void reply.header('Location', `/sessions/${session.session_id}/runs/${run._id}`);
    const view: RunView = runView((await this.runs.find(run._id)) ?? run);
    return view;
  }

  /** The session's runs, newest first. */
  @Get(':id/runs')
  @Needs('sessions:read')
  @ApiSessionId()
  @ApiPage()
  @ApiOkResponse({ type: RunListDto, example: RUN_LIST })
  @ApiErrors('session_not_found', 'refused_query')
  async list(@CurrentCaller() caller: Caller, @Param('id') id: string, @Query() query: UrlQuery): Promise<RunListDto> {
    const { session } = await this.states.get(caller.orgId, id);
    const page = readQuery(query, (reader) => ({ limit: pageLimit(reader), after: newestFirstPosition(reader) }));
    const found = await this.runs.page(session._id, page);
    const shown = found.slice(0, page.limit);
    const last = shown.at(-1);
    const runs = shown.map(runView);
    const list: RunList = found.length > page.limit && last ? { runs, next_cursor: newestFirstCursor(last) } : { runs };
    return list;
  }

  /** One run: its state, its output when it has ended, what it used. */
  @Get(':id/runs/:runId')
  @Needs('sessions:read')
  @ApiSessionId()
  @ApiParam({ name: 'runId', description: 'Id of a run of the session', schema: { type: 'string' } })
  @ApiOkResponse({ type: RunDto, examples: { succeeded: { summary: 'a run that succeeded', value: ENDED_RUN }, failed: { summary: 'a run that failed', value: FAILED_RUN } } })
  @ApiErrors('session_not_found', 'run_not_found')
  async get(@CurrentCaller() caller: Caller, @Param('id') id: string, @Param('runId') runId: string): Promise<RunDto> {
    const { session } = await this.states.get(caller.orgId, id);
    const run = await this.runs.findOfSession(session._id, runId);
    if (!run) throw new AppError('run_not_found');
    return runView(run);
  }

  /** Ends the active run, whoever started it; without one nothing happens and the present status is the answer. */
  @Post(':id/cancel')
  @HttpCode(200)
  @Needs('sessions:execute')
  @ApiSessionId()
  @ApiBody({ type: CancelDto, required: false, examples: { reason: { value: CANCEL_BODY } } })
  @ApiOkResponse({ type: CancelledDto, example: CANCELLED })
  @ApiBodyErrors('session_not_found')
  async cancel(@CurrentCaller() caller: Caller, @Param('id') id: string, @Body() body: unknown): Promise<CancelledDto> {
    const { session } = await this.states.get(caller.orgId, id);
    const { reason } = required(readCancel(objectOf(body)));
    const outcome = await this.cancelRun.run(caller, session._id, reason);
    return { session_id: session.session_id, run_id: outcome.runId ?? null, status: outcome.status };
  }

  /** The transcript that the model sees, whole. */
  @Get(':id/messages')
  @Needs('sessions:read')
  @ApiSessionId()
  @ApiPage()
  @ApiOkResponse({ type: MessageListDto, example: MESSAGE_LIST })
  @ApiErrors('session_not_found', 'refused_query')
  async messages(@CurrentCaller() caller: Caller, @Param('id') id: string, @Query() query: UrlQuery): Promise<MessageListDto> {
    const { session, run } = await this.states.get(caller.orgId, id);
    const { limit, fromIndex } = readQuery(query, (reader) => ({ limit: pageLimit(reader), fromIndex: indexPosition(reader) ?? 0 }));
    const found = await this.transcripts.page(session._id, fromIndex, run?.next_message_index ?? 0, limit + 1);
    const messages: GatewayMessageView[] = found.slice(0, limit).map(messageView);
    return found.length > limit ? { messages, next_cursor: encodeCursor([fromIndex + limit]) } : { messages };
  }
}

/** The same routes for the clients of the v1 dialect; described once, above. */
@ApiExcludeController()
@Controller('api/v1/sessions')
export class RunsV1Controller extends RunsController {}

function objectOf(body: unknown): JsonObject {
  return isJsonObject(body) ? body : {};
}

/** Over REST a wrong field is 422. */
function required<T>(parsed: ParsedFrame<T>): T {
  if (parsed.ok) return parsed.message;
  const { message, field } = parsed.problem;
  throw refused([{ field: field ?? 'body', message }]);
}
