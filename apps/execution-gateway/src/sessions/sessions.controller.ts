import { GATEWAY_SESSION_STATUSES, isJsonObject, parseSessionCreate, type GatewaySessionList, type GatewaySessionStatus, type GatewaySessionView } from '@agentfleet/contracts';
import { CurrentCaller, Needs, type Caller } from '@agentfleet/platform';
import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiBody, ApiExcludeController, ApiOkResponse, ApiQuery, ApiTags } from '@nestjs/swagger';
import { ApiBodyErrors, ApiErrors } from '../api-docs/api-errors';
import { CREATE_BODY, SESSION, SESSION_LIST, SESSION_STATUS } from '../api-docs/examples';
import { ApiPage, ApiSessionId } from '../api-docs/parameters';
import { ModelCatalog } from '../models/model-catalog';
import { newestFirstCursor, newestFirstPosition, pageLimit, readQuery, refused, type UrlQuery } from '../paging/page-query';
import { CreateSession } from './create-session';
import { SessionStates } from './session-states';
import { CreateSessionDto, SessionDto, SessionListDto, SessionStatusDto } from './session.dto';
import { sessionItem, sessionStatus, sessionView, statusName, type SessionState } from './session-views';
import type { SessionPage } from './session.repository';

@ApiTags('sessions')
@Controller('sessions')
export class SessionsController {
  constructor(
    private readonly createSession: CreateSession,
    private readonly states: SessionStates,
    private readonly models: ModelCatalog,
  ) {}

  /** Makes a session; with the id of an existing one that fits, answers that one. */
  @Post()
  @HttpCode(200)
  @Needs('sessions:execute')
  @ApiBody({ type: CreateSessionDto, required: false, examples: { session: { summary: 'a session with an id of your own', value: CREATE_BODY }, defaults: { summary: 'all defaults', value: {} } } })
  @ApiOkResponse({ type: SessionDto, example: SESSION })
  @ApiBodyErrors('workspace_outside_root', 'session_id_taken')
  create(@CurrentCaller() caller: Caller, @Body() body: unknown): Promise<SessionDto> {
    const parsed = parseSessionCreate(isJsonObject(body) ? body : {});
    if (!parsed.ok) throw refused(parsed.problems);
    return this.createSession.run(caller, parsed.value);
  }

  /** The caller's organization's sessions, newest first. */
  @Get()
  @Needs('sessions:read')
  @ApiQuery({ name: 'user_id', required: false, description: 'Exact and complete match', schema: { type: 'string' } })
  @ApiQuery({ name: 'status', required: false, description: 'Of the last run', schema: { type: 'string', enum: [...GATEWAY_SESSION_STATUSES] } })
  @ApiQuery({ name: 'agent_id', required: false, description: 'Sessions of an agent', schema: { type: 'string' } })
  @ApiPage()
  @ApiOkResponse({ type: SessionListDto, example: SESSION_LIST })
  @ApiErrors('refused_query')
  async list(@CurrentCaller() caller: Caller, @Query() query: UrlQuery): Promise<SessionListDto> {
    const { page, status, isEmpty } = readListQuery(query);
    if (isEmpty) return { sessions: [] };
    const { states, hasMore } = await this.collect(caller.orgId, page, status);
    const sessions = states.map((state) => sessionItem(state, this.models.defaultName));
    const last = states.at(-1)?.session;
    const list: GatewaySessionList = hasMore && last ? { sessions, next_cursor: newestFirstCursor(last) } : { sessions };
    return list;
  }

  /** One session, with its active run if there is one. */
  @Get(':id')
  @Needs('sessions:read')
  @ApiSessionId()
  @ApiOkResponse({ type: SessionDto, example: SESSION })
  @ApiErrors('session_not_found')
  async get(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<SessionDto> {
    const view: GatewaySessionView = sessionView(await this.states.get(caller.orgId, id), this.models.defaultName);
    return view;
  }

  /** What the session is doing, what it used, and why its last run failed if it did. */
  @Get(':id/status')
  @Needs('sessions:read')
  @ApiSessionId()
  @ApiOkResponse({ type: SessionStatusDto, example: SESSION_STATUS })
  @ApiErrors('session_not_found')
  async status(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<SessionStatusDto> {
    const status: GatewaySessionStatus = sessionStatus(await this.states.get(caller.orgId, id), this.models.defaultName);
    return status;
  }

  /** The status follows from the last run, so a filter on it reads on until the page is full. */
  private async collect(orgId: string, page: SessionPage, status: string | undefined): Promise<{ states: SessionState[]; hasMore: boolean }> {
    if (status === undefined) return this.states.page(orgId, page);
    const states: SessionState[] = [];
    let after = page.after;
    for (;;) {
      const next = await this.states.page(orgId, { ...page, limit: 1000, after });
      states.push(...next.states.filter((state) => statusName(state.run) === status));
      if (states.length > page.limit) return { states: states.slice(0, page.limit), hasMore: true };
      const last = next.states.at(-1)?.session;
      if (!next.hasMore || !last) return { states, hasMore: false };
      after = { createdAt: last.created_at, id: last._id };
    }
  }
}

/** The same routes for the clients of the v1 dialect; described once, above. */
@ApiExcludeController()
@Controller('api/v1/sessions')
export class SessionsV1Controller extends SessionsController {}

function readListQuery(query: UrlQuery): { page: SessionPage; status: string | undefined; isEmpty: boolean } {
  return readQuery(query, (reader) => {
    const [limit, userId, agentId] = [pageLimit(reader), reader.text('user_id'), reader.text('agent_id')];
    const [status, after] = [reader.oneOf('status', GATEWAY_SESSION_STATUSES), newestFirstPosition(reader)];
    return { page: { limit, after, userId }, status, isEmpty: agentId !== undefined }; // no session has an agent yet
  });
}
