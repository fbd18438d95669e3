import { GATEWAY_SESSION_STATUSES, isJsonObject, parseSessionCreate, type GatewaySessionList, type GatewaySessionStatus, type GatewaySessionView } from '@agentfleet/contracts';
import { CurrentCaller, Needs, type Caller } from '@agentfleet/platform';
import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiBody, ApiTags } from '@nestjs/swagger';
import { ModelCatalog } from '../models/model-catalog';
import { decodeCursor, encodeCursor, QueryReader, throwProblems } from '../query';
import { CreateSession } from './create-session';
import { SessionDirectory } from './session-directory';
import { CreateSessionDto, SessionDto, SessionListDto, SessionStatusDto } from './session.dto';
import { sessionItem, sessionStatus, sessionView, statusName, type SessionState } from './session-views';
import type { SessionPage } from './session.repository';

/** Both dialects have the same sessions. */
export const SESSION_PATHS = ['sessions', 'api/v1/sessions'];

@ApiTags('sessions')
@Controller(SESSION_PATHS)
export class SessionsController {
  constructor(
    @Inject(CreateSession) private readonly createSession: CreateSession,
    @Inject(SessionDirectory) private readonly directory: SessionDirectory,
    @Inject(ModelCatalog) private readonly models: ModelCatalog,
  ) {}

  /** Makes a session; with the id of an existing one that fits, answers that one. */
  @Post()
  @HttpCode(200)
  @Needs('sessions:execute')
  @ApiBody({ type: CreateSessionDto, required: false })
  create(@CurrentCaller() caller: Caller, @Body() body: unknown): Promise<SessionDto> {
    const parsed = parseSessionCreate(isJsonObject(body) ? body : {});
    if (!parsed.ok) throwProblems(parsed.problems);
    else return this.createSession.run(caller, parsed.value);
    throw new Error('unreachable: problems are thrown');
  }

  /** The caller's organization's sessions, newest first. */
  @Get()
  @Needs('sessions:read')
  async list(@CurrentCaller() caller: Caller, @Query() query: Record<string, unknown>): Promise<SessionListDto> {
    const { page, status, isEmpty } = readListQuery(query);
    if (isEmpty) return { sessions: [] };
    const { states, hasMore } = await this.collect(caller.orgId, page, status);
    const sessions = states.map((state) => sessionItem(state, this.models.defaultName));
    const last = states.at(-1)?.session;
    const list: GatewaySessionList = hasMore && last ? { sessions, next_cursor: encodeCursor([last.created_at.getTime(), last._id]) } : { sessions };
    return list;
  }

  @Get(':id')
  @Needs('sessions:read')
  async get(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<SessionDto> {
    const view: GatewaySessionView = sessionView(await this.directory.get(caller.orgId, id), this.models.defaultName);
    return view;
  }

  @Get(':id/status')
  @Needs('sessions:read')
  async status(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<SessionStatusDto> {
    const status: GatewaySessionStatus = sessionStatus(await this.directory.get(caller.orgId, id), this.models.defaultName);
    return status;
  }

  /** The status follows from the last run, so a filter on it reads on until the page is full. */
  private async collect(orgId: string, page: SessionPage, status: string | undefined): Promise<{ states: SessionState[]; hasMore: boolean }> {
    if (status === undefined) return this.directory.page(orgId, page);
    const states: SessionState[] = [];
    let after = page.after;
    for (;;) {
      const next = await this.directory.page(orgId, { ...page, limit: 1000, after });
      states.push(...next.states.filter((state) => statusName(state.run) === status));
      if (states.length > page.limit) return { states: states.slice(0, page.limit), hasMore: true };
      const last = next.states.at(-1)?.session;
      if (!next.hasMore || !last) return { states, hasMore: false };
      after = { createdAt: last.created_at, key: last._id };
    }
  }
}

function readListQuery(query: Record<string, unknown>): { page: SessionPage; status: string | undefined; isEmpty: boolean } {
  const reader = new QueryReader(query);
  const [limit, userId, agentId, status, cursor] = [reader.limit(), reader.text('user_id'), reader.text('agent_id'), reader.text('status'), reader.text('cursor')];
  if (status !== undefined && !GATEWAY_SESSION_STATUSES.some((known) => known === status)) reader.refuse('status', `must be one of ${GATEWAY_SESSION_STATUSES.join(', ')}`);
  const position = cursor === undefined ? undefined : decodeCursor(cursor);
  const [createdAtMs, key] = position ?? [];
  const isPosition = typeof createdAtMs === 'number' && Number.isSafeInteger(createdAtMs) && typeof key === 'string';
  if (cursor !== undefined && !isPosition) reader.refuse('cursor', 'must be the next_cursor of an earlier answer');
  reader.finish();
  const after = isPosition ? { createdAt: new Date(createdAtMs), key } : null;
  return { page: { limit, after, userId }, status, isEmpty: agentId !== undefined }; // no session has an agent yet
}
