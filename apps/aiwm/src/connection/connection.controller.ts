import { AIWM_QUERY_DIALECT, QueryReader, type AiwmConfiguration } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import { Authenticated, BodyLimit, CurrentCaller, hasAnyScope, Needs, Public, validationFailed, type Caller } from '@agentfleet/platform';
import { Body, Controller, Get, Header, Headers, HttpCode, Param, Post, Query, Req, Res, UseGuards } from '@nestjs/common';
import { ApiParam, ApiQuery, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AgentRepository } from '../agent-records/agent.repository';
import { AgentConfigurations } from '../agents/agent-configurations';
import { redactSettings } from '../agents/settings';
import { SmallBody } from '../limits/small-body';
import { Sources } from '../limits/sources';
import { PresenceService } from '../presence/presence.service';
import { PresenceTransitions } from '../presence/presence-transitions';
import { ApiAnswer, ApiErrors, ApiTakes } from '../api/api-docs';
import type { Documented } from '../api/documented';
import { checkId, notFound } from '../api/ids';
import { SuccessDto } from '../api/page.dto';
import { scopeOf } from '../tenancy/tenant';
import { AgentGuard } from './agent-guard';
import { ConnectAgent } from './connect-agent';
import { ConfigurationDto, ConnectAnswerDto, ConnectDto, DisconnectDto, HeartbeatAnswerDto, HeartbeatDto, PresenceHistoryDto } from './connection.dto';

const ID = { name: 'id', description: "The agent's id" };
const HEARTBEAT_BODY_BYTES = 65_536;

/** `If-None-Match`: a list of tags, weak ones too, or `*`. */
function matches(known: string | undefined, etag: string): boolean {
  const tags = known?.split(',').map((tag) => tag.trim().replace(/^W\//, '')) ?? [];
  return tags.includes(etag) || tags.includes('*');
}

/** The routes that agents themselves call. */
@ApiTags('agent connection')
@Controller('agents')
export class ConnectionController {
  constructor(
    private readonly connectAgent: ConnectAgent,
    private readonly configurations: AgentConfigurations,
    private readonly sources: Sources,
    private readonly guard: AgentGuard,
    private readonly presence: PresenceService,
    private readonly transitions: PresenceTransitions,
    private readonly repository: AgentRepository,
  ) {}

  /** An agent shows its secret and gets a token and its configuration. */
  @Post(':id/connect')
  @HttpCode(200)
  @SmallBody()
  @Header('Cache-Control', 'no-store')
  @Public()
  @ApiParam(ID)
  @ApiTakes(ConnectDto)
  @ApiAnswer(ConnectAnswerDto, { headers: { 'X-Config-Revision': { schema: { type: 'integer' } }, 'X-Heartbeat-Interval': { schema: { type: 'integer' } } } })
  @ApiErrors(400, 401, 404, 413, 415, 429, 503)
  async connect(
    @Param('id') id: string,
    @Body() body: ConnectDto,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ConnectAnswerDto> {
    const { answer, configRevision } = await this.connectAgent.connect(id, body.secret, this.sources.of(request));
    void reply.header('X-Config-Revision', configRevision).header('X-Heartbeat-Interval', Math.floor(this.presence.times.intervalS));
    return answer;
  }

  /** An agent says that it lives, and learns of a newer configuration. */
  @Post(':id/heartbeat')
  @HttpCode(200)
  @BodyLimit(HEARTBEAT_BODY_BYTES)
  @Needs('agent:self')
  @UseGuards(AgentGuard)
  @ApiParam(ID)
  @ApiTakes(HeartbeatDto)
  @ApiAnswer(HeartbeatAnswerDto)
  @ApiErrors(400, 401, 403, 404, 413, 415, 503)
  async heartbeat(
    @CurrentCaller() caller: Caller,
    @Param('id') id: string,
    @Body() body: HeartbeatDto,
    @Req() request: FastifyRequest,
  ): Promise<HeartbeatAnswerDto> {
    const agent = this.guard.agentOf(request);
    const metrics = body.metrics === undefined ? undefined : JSON.stringify(body.metrics);
    await this.presence.heartbeat(id, agent, body.status, metrics);
    const running = body.configRevision ?? caller.agentClaims?.configRevision;
    return running === agent.configRevision ? { success: true } : { success: true, configRevision: agent.configRevision };
  }

  /** An agent says that it goes; its token stays valid. Only the newest connect counts: with an earlier token nothing changes. */
  @Post(':id/disconnect')
  @HttpCode(200)
  @SmallBody()
  @Needs('agent:self')
  @UseGuards(AgentGuard)
  @ApiParam(ID)
  @ApiTakes(DisconnectDto)
  @ApiAnswer(SuccessDto)
  @ApiErrors(400, 401, 403, 404, 413, 415, 503)
  async disconnect(@CurrentCaller() caller: Caller, @Param('id') id: string, @Body() body: DisconnectDto): Promise<{ success: true }> {
    await this.presence.disconnected(id, caller.agentClaims?.jti ?? '', body.reason);
    return { success: true };
  }

  /** Changes of presence, newest first, kept for 30 days. */
  @Get(':id/presence-history')
  @Needs('agents:read')
  @ApiParam(ID)
  @ApiQuery({ name: 'limit', required: false, schema: { type: 'integer', minimum: 1, maximum: 1000, default: 100 } })
  @ApiAnswer(PresenceHistoryDto)
  @ApiErrors(400, 401, 403, 404, 503)
  async presenceHistory(@CurrentCaller() caller: Caller, @Param('id') id: string, @Query() query: Record<string, unknown>): Promise<PresenceHistoryDto> {
    const agent = await this.repository.documents.find(scopeOf(caller), checkId(id));
    if (!agent) throw notFound();
    const reader = new QueryReader(query, AIWM_QUERY_DIALECT);
    const limit = reader.whole('limit', 1, 1000);
    if (reader.problems.length > 0) throw validationFailed(reader.problems);
    const newest = await this.transitions.newest(id, limit ?? 100);
    return { data: newest.map(({ from, to, reason, detail, at }) => ({ from, to, reason, detail, at: at.toISOString() })) };
  }

  /** The configuration of an agent: whole for the agent itself, with redacted settings for users and keys. */
  @Get(':id/config')
  @Header('Cache-Control', 'private, no-cache')
  @Authenticated()
  @ApiParam(ID)
  @ApiAnswer(ConfigurationDto)
  @ApiResponse({ status: 304, description: 'The agent has this configuration already' })
  @ApiErrors(400, 401, 403, 404, 503)
  async config(
    @CurrentCaller() caller: Caller,
    @Param('id') id: string,
    @Headers('if-none-match') known: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object | undefined> {
    checkId(id);
    const own = caller.kind === 'agent';
    if (own) await this.guard.check(caller, id);
    else if (!hasAnyScope(caller, ['agents:read'])) throw new AppError('forbidden', { message: 'Missing scope agents:read' });
    const agent = own ? await this.repository.findLive(id) : await this.repository.documents.find(scopeOf(caller), id);
    if (!agent) throw notFound();
    const etag = own ? `"r${agent.configRevision}"` : `"r${agent.configRevision}-redacted"`;
    void reply.header('ETag', etag);
    if (matches(known, etag)) {
      void reply.status(304);
      return undefined;
    }
    const delivered = await this.configurations.of(agent);
    const settings = own ? delivered.settings : redactSettings(delivered.settings);
    return { configRevision: agent.configRevision, ...delivered, settings } satisfies Documented<AiwmConfiguration>;
  }
}
