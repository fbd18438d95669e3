import { isVpsAgentName, type VpsAgentHealth, type VpsHealthSummary, type VpsStatus } from '@agentfleet/contracts';
import { summarise, type HealthState } from '@agentfleet/health';
import { CurrentCaller, Needs, NoBody, type Caller } from '@agentfleet/platform';
import { Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import { ApiOkResponse, ApiParam, ApiTags } from '@nestjs/swagger';
import { ApiErrors } from '../api-docs/api-errors';
import { AGENT_HEALTH, HEALTH_SUMMARY, RESET_HEALTH, STATUS } from '../api-docs/examples';
import { RegisterAgent, agentNotFound } from '../agents/register-agent';
import { SessionRepository } from '../sessions/session.repository';
import { AgentHealthDto, HealthSummaryDto, StatusDto } from './health.dto';
import { HealthRepository } from '../health-records/health.repository';
import { HealthWriter } from '../health-records/health-writer';
import { renderHealth, renderStatus, renderSummary } from './render-health';

const NAME = { name: 'name', example: 'pm-agent' };

@ApiTags('health')
@Controller('api/vps')
export class HealthController {
  constructor(
    private readonly health: HealthRepository,
    private readonly writer: HealthWriter,
    private readonly sessions: SessionRepository,
    private readonly registerAgent: RegisterAgent,
  ) {}

  /** The health of all agents in one look. */
  @Get('health')
  @Needs('vps:read', 'vps:call', 'vps:manage')
  @ApiOkResponse({ type: HealthSummaryDto, example: HEALTH_SUMMARY })
  @ApiErrors()
  async summary(@CurrentCaller() caller: Caller): Promise<VpsHealthSummary> {
    return renderSummary(summarise(await this.listStates(caller)));
  }

  /** One agent: its counters, what went wrong last, its circuit. */
  @Get('health/:name')
  @Needs('vps:read', 'vps:call', 'vps:manage')
  @ApiParam(NAME)
  @ApiOkResponse({ type: AgentHealthDto, example: AGENT_HEALTH })
  @ApiErrors('agent_not_found')
  get(@Param('name') name: string, @CurrentCaller() caller: Caller): Promise<VpsAgentHealth> {
    return this.read(caller, name);
  }

  /** Counters to zero, circuit closed; the next call tries the agent at its place. */
  @Post('health/:name/reset')
  @HttpCode(200)
  @NoBody()
  @Needs('vps:manage')
  @ApiParam(NAME)
  @ApiOkResponse({ type: AgentHealthDto, example: RESET_HEALTH })
  @ApiErrors('agent_not_found')
  async reset(@Param('name') name: string, @CurrentCaller() caller: Caller): Promise<VpsAgentHealth> {
    if (!isVpsAgentName(name)) throw agentNotFound(name);
    await this.registerAgent.resetHealth(caller, name);
    return this.read(caller, name);
  }

  /** Whether anybody can be called, and how much there is. */
  @Get('status')
  @Needs('vps:read', 'vps:call', 'vps:manage')
  @ApiOkResponse({ type: StatusDto, example: STATUS })
  @ApiErrors()
  async status(@CurrentCaller() caller: Caller): Promise<VpsStatus> {
    const [states, sessions] = await Promise.all([this.listStates(caller), this.sessions.count(caller.orgId)]);
    return renderStatus(summarise(states), sessions);
  }

  private async listStates({ orgId }: Caller): Promise<readonly HealthState[]> {
    return (await this.health.list(orgId)).map((record) => this.writer.seenHere(record));
  }

  private async read(caller: Caller, name: string): Promise<VpsAgentHealth> {
    const record = isVpsAgentName(name) ? await this.health.findByName(caller.orgId, name) : null;
    if (record === null) throw agentNotFound(name);
    return renderHealth(name, this.writer.seenHere(record));
  }
}
