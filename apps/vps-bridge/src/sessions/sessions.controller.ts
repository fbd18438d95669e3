import { Readable } from 'node:stream';
import { isVpsSessionId, type VpsMessagePage, type VpsSessionList } from '@agentfleet/contracts';
import { CurrentCaller, Needs, NoBody, encodeCursor, type Caller } from '@agentfleet/platform';
import { Controller, Delete, Get, Header, HttpCode, Param, Query, StreamableFile } from '@nestjs/common';
import { ApiNoContentResponse, ApiOkResponse, ApiParam, ApiQuery, ApiTags } from '@nestjs/swagger';
import { ApiErrors } from '../api-docs/api-errors';
import { MESSAGE_PAGE, SESSION, SESSION_LIST } from '../api-docs/examples';
import { readCursor, readQuery, readTime } from '../http/query';
import { MessageRepository } from './message.repository';
import { RemoveSessions } from './remove-sessions';
import { renderNumbered, renderSessionItem, sessionJson } from './render-session';
import { positionOf } from './session-position';
import { sessionNotFound } from './session-not-found';
import { SessionRepository, type StoredSession } from './session.repository';
import { MessagePageDto, SessionDto, SessionListDto } from './sessions.dto';

const LIST = { fallback: 50, max: 200, beyond: 'refused' } as const;
const MESSAGES = { fallback: 100, max: 1000, beyond: 'refused' } as const;
const JSON_TYPE = 'application/json; charset=utf-8';

const ID = { name: 'id', example: 'sess-123' };

@ApiTags('sessions')
@Controller('api/vps/sessions')
export class SessionsController {
  constructor(
    private readonly sessions: SessionRepository,
    private readonly messages: MessageRepository,
    private readonly removeSessions: RemoveSessions,
  ) {}

  /** Sessions by their last activity, newest first. */
  @Get()
  @Needs('vps:read', 'sessions:read', 'vps:manage')
  @ApiQuery({ name: 'user_id', required: false, type: String })
  @ApiQuery({ name: 'active_since', required: false, type: String, format: 'date-time' })
  @ApiQuery({ name: 'limit', required: false, schema: { type: 'integer', minimum: 1, maximum: 200, default: 50 } })
  @ApiQuery({ name: 'cursor', required: false, type: String })
  @ApiOkResponse({ type: SessionListDto, example: SESSION_LIST })
  @ApiErrors('validation_failed')
  async list(@Query() query: unknown, @CurrentCaller() caller: Caller): Promise<VpsSessionList> {
    const { limit, ...page } = readQuery(query, (reader) => ({
      limit: reader.limit(LIST),
      userId: reader.text('user_id'),
      activeSince: readTime(reader, 'active_since'),
      after: readCursor(reader, positionOf),
    }));
    const found = await this.sessions.list(caller.orgId, { ...page, limit: limit + 1 });
    const shown = found.slice(0, limit);
    const last = found.length > limit ? shown.at(-1) : undefined;
    const next = last === undefined ? null : encodeCursor([last.listedAtMs, last.key]);
    return { sessions: shown.map(renderSessionItem), next_cursor: next };
  }

  /** A session with all its messages, oldest first, or the newest `message_limit` of them. */
  @Get(':id')
  @Needs('vps:read', 'sessions:read', 'vps:manage')
  @Header('Content-Type', JSON_TYPE)
  @ApiQuery({ name: 'message_limit', required: false, description: 'The newest so many messages; all without it', schema: { type: 'integer', minimum: 0, maximum: 1000 } })
  @ApiParam(ID)
  @ApiOkResponse({ type: SessionDto, example: SESSION })
  @ApiErrors('session_not_found', 'validation_failed')
  async get(@Param('id') id: string, @Query() query: unknown, @CurrentCaller() caller: Caller): Promise<StreamableFile> {
    const limit = readQuery(query, (reader) => reader.whole('message_limit', 0, MESSAGES.max));
    const session = await this.find(caller, id);
    const text = sessionJson(session, this.messages.stream(session.key, limit), limit === undefined);
    return new StreamableFile(Readable.from(text, { objectMode: false }), { type: JSON_TYPE });
  }

  /** Messages by their number: oldest first after `after_seq`, or newest first before `before_seq`. */
  @Get(':id/messages')
  @Needs('vps:read', 'sessions:read', 'vps:manage')
  @ApiQuery({ name: 'after_seq', required: false, description: 'Oldest first; not together with before_seq', schema: { type: 'integer', minimum: 0 } })
  @ApiQuery({ name: 'before_seq', required: false, description: 'Newest first; not together with after_seq', schema: { type: 'integer', minimum: 0 } })
  @ApiQuery({ name: 'limit', required: false, schema: { type: 'integer', minimum: 1, maximum: 1000, default: 100 } })
  @ApiParam(ID)
  @ApiOkResponse({ type: MessagePageDto, example: MESSAGE_PAGE })
  @ApiErrors('session_not_found', 'validation_failed')
  async page(@Param('id') id: string, @Query() query: unknown, @CurrentCaller() caller: Caller): Promise<VpsMessagePage> {
    const { after, before, limit } = readQuery(query, (reader) => {
      const places = { after: reader.whole('after_seq', 0, Number.MAX_SAFE_INTEGER), before: reader.whole('before_seq', 0, Number.MAX_SAFE_INTEGER) };
      if (places.after !== undefined && places.before !== undefined) reader.refuse('before_seq', 'must not be given together with after_seq');
      return { ...places, limit: reader.limit(MESSAGES) };
    });
    const session = await this.find(caller, id);
    const found = before === undefined ? await this.messages.after(session.key, after ?? 0, limit + 1) : await this.messages.before(session.key, before, limit + 1);
    const shown = found.slice(0, limit);
    const next = found.length > limit ? (shown.at(-1)?.seq ?? null) : null;
    return {
      session_id: session.sessionId,
      total_messages: session.totalMessages,
      messages: shown.map(renderNumbered),
      next_after_seq: before === undefined ? next : null,
      next_before_seq: before === undefined ? null : next,
    };
  }

  /** Deletes a session; its id may be used again at once. */
  @Delete(':id')
  @HttpCode(204)
  @NoBody()
  @Needs('vps:manage')
  @ApiParam(ID)
  @ApiNoContentResponse({ description: 'Deleted' })
  @ApiErrors('session_not_found')
  async remove(@Param('id') id: string, @CurrentCaller() caller: Caller): Promise<void> {
    if (!isVpsSessionId(id)) throw sessionNotFound(id);
    await this.removeSessions.remove(caller, id);
  }

  private async find(caller: Caller, id: string): Promise<StoredSession> {
    const session = isVpsSessionId(id) ? await this.sessions.find(caller.orgId, id) : null;
    if (session === null) throw sessionNotFound(id);
    return session;
  }
}
