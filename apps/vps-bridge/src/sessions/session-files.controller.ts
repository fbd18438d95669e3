import { Readable } from 'node:stream';
import { parseVpsImport, type VpsCleanup, type VpsImported } from '@agentfleet/contracts';
import { BodyKeys, CLOCK, CurrentCaller, Needs, NoBody, validationFailed, type Caller, type Clock } from '@agentfleet/platform';
import { Body, Controller, Get, Header, HttpCode, Inject, Post, Query, StreamableFile } from '@nestjs/common';
import { ApiBody, ApiOkResponse, ApiQuery, ApiTags } from '@nestjs/swagger';
import { ApiBodyErrors, ApiErrors } from '../api-docs/api-errors';
import { SESSION_EXPORT } from '../api-docs/examples';
import { readQuery } from '../http/query';
import { requireBody } from '../http/require-body';
import { ImportSessions } from './import-sessions';
import { MessageRepository } from './message.repository';
import { RemoveSessions } from './remove-sessions';
import { exportJson } from './render-session';
import { SessionRepository } from './session.repository';
import { CleanupDto, ImportedDto, SessionExportDto } from './sessions.dto';

const BASE = 'api/vps/sessions';
export const IMPORT_PATH = `/${BASE}/import`;
const JSON_TYPE = 'application/json; charset=utf-8';
/** A file of the largest allowed size holds no more: a message alone has three members and 50 bytes around them. */
const MAX_IMPORT_KEYS = 5_000_000;
const AGE_HOURS = { default: 24, max: 876_000 };

/** Sessions in bulk. */
@ApiTags('sessions')
@Controller(BASE)
export class SessionFilesController {
  constructor(
    private readonly sessions: SessionRepository,
    private readonly messages: MessageRepository,
    private readonly removeSessions: RemoveSessions,
    private readonly importSessions: ImportSessions,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** All sessions, or those of one user, streamed. */
  @Get('export')
  @Needs('vps:manage')
  @Header('Content-Type', JSON_TYPE)
  @ApiQuery({ name: 'user_id', required: false, type: String })
  @ApiOkResponse({ type: SessionExportDto, example: SESSION_EXPORT })
  @ApiErrors('validation_failed')
  export(@Query() query: unknown, @CurrentCaller() caller: Caller): StreamableFile {
    const sessions = this.sessions.stream(caller.orgId, readQuery(query, (reader) => reader.text('user_id')));
    const text = exportJson(this.clock.now(), sessions, ({ key }) => this.messages.stream(key));
    return new StreamableFile(Readable.from(text, { objectMode: false }), { type: JSON_TYPE });
  }

  /** Takes an exported file; sessions of the same ids are replaced as a whole. Any fault refuses all of it. */
  @Post('import')
  @HttpCode(200)
  @BodyKeys(MAX_IMPORT_KEYS)
  @Needs('vps:manage')
  @ApiBody({ type: SessionExportDto, examples: { file: { value: SESSION_EXPORT } } })
  @ApiOkResponse({ type: ImportedDto, example: { imported: 1 } })
  @ApiBodyErrors()
  async import(@Body() body: unknown, @CurrentCaller() caller: Caller): Promise<VpsImported> {
    const parsed = parseVpsImport(requireBody(body));
    if (!parsed.ok) throw validationFailed(parsed.problems);
    return { imported: await this.importSessions.import(caller, parsed.value) };
  }

  /** Deletes sessions that were not used for so long. */
  @Post('cleanup')
  @HttpCode(200)
  @NoBody()
  @Needs('vps:manage')
  @ApiQuery({ name: 'max_age_hours', required: false, schema: { type: 'integer', minimum: 1, maximum: AGE_HOURS.max, default: AGE_HOURS.default } })
  @ApiOkResponse({ type: CleanupDto, example: { cleaned_up: 3, remaining_sessions: 12 } })
  @ApiErrors('validation_failed')
  async cleanup(@Query() query: unknown, @CurrentCaller() caller: Caller): Promise<VpsCleanup> {
    const hours = readQuery(query, (reader) => reader.whole('max_age_hours', 1, AGE_HOURS.max)) ?? AGE_HOURS.default;
    const cleanedUp = await this.removeSessions.removeOld(caller, caller.orgId, hours);
    return { cleaned_up: cleanedUp, remaining_sessions: await this.sessions.count(caller.orgId) };
  }
}
