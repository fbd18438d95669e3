import { isVpsAgentName, parseVpsRegistration, shortened, type VpsAgentList, type VpsAgentView, type VpsRegistered, type VpsRegistration } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import { CurrentCaller, Needs, NoBody, validationFailed, type Caller } from '@agentfleet/platform';
import { Body, Controller, Delete, Get, HttpCode, Param, Post } from '@nestjs/common';
import { ApiBody, ApiCreatedResponse, ApiNoContentResponse, ApiOkResponse, ApiParam, ApiTags } from '@nestjs/swagger';
import { ApiBodyErrors, ApiErrors } from '../api-docs/api-errors';
import { AGENT, AGENT_LIST, REGISTERED, REGISTER_BODY } from '../api-docs/examples';
import { agentUrl } from './agent-host';
import { requireBody } from '../http/require-body';
import { AgentRepository } from './agent.repository';
import { AgentDto, AgentListDto, RegisterAgentDto, RegisteredDto } from './agents.dto';
import { droppedSettings } from './dropped-settings';
import { RegisterAgent, agentNotFound } from './register-agent';
import { renderAgent, renderAgentItem } from './render-agent';

const NAME = { name: 'name', example: 'pm-agent' };

@ApiTags('agents')
@Controller('api/vps')
export class AgentsController {
  constructor(
    private readonly agents: AgentRepository,
    private readonly registerAgent: RegisterAgent,
  ) {}

  /** Registers an agent, or replaces the one of this name as a whole: what is not sent again, its token too, goes back to the default, and `dropped` names it. */
  @Post('register')
  @HttpCode(201)
  @Needs('vps:manage')
  @ApiBody({ type: RegisterAgentDto, examples: { agent: { value: REGISTER_BODY } } })
  @ApiCreatedResponse({ type: RegisteredDto, example: REGISTERED })
  @ApiBodyErrors('invalid_protocol')
  async register(@Body() body: unknown, @CurrentCaller() caller: Caller): Promise<VpsRegistered> {
    const registration = readRegistration(requireBody(body));
    const replaced = await this.registerAgent.register(caller, registration);
    const { name, fallbackAgents } = registration;
    const dropped = replaced === null ? [] : droppedSettings(replaced, registration, body);
    return {
      status: 'registered',
      agent_name: name,
      url: agentUrl(registration),
      created: replaced === null,
      fallback_agents: fallbackAgents,
      ...(dropped.length === 0 ? {} : { dropped }),
    };
  }

  /** All agents, by name. */
  @Get('agents')
  @Needs('vps:read', 'vps:call', 'vps:manage')
  @ApiOkResponse({ type: AgentListDto, example: AGENT_LIST })
  @ApiErrors()
  async list(@CurrentCaller() caller: Caller): Promise<VpsAgentList> {
    const agents = await this.agents.list(caller.orgId);
    return { total: agents.length, agents: agents.map(renderAgentItem) };
  }

  /** One agent with all its settings, but for the token. */
  @Get('agents/:name')
  @Needs('vps:read', 'vps:call', 'vps:manage')
  @ApiParam(NAME)
  @ApiOkResponse({ type: AgentDto, example: AGENT })
  @ApiErrors('agent_not_found')
  async get(@Param('name') name: string, @CurrentCaller() caller: Caller): Promise<VpsAgentView> {
    const agent = isVpsAgentName(name) ? await this.agents.findByName(caller.orgId, name) : null;
    if (agent === null) throw agentNotFound(name);
    return renderAgent(agent);
  }

  /** Removes an agent and its health record. */
  @Delete('agents/:name')
  @HttpCode(204)
  @NoBody()
  @Needs('vps:manage')
  @ApiParam(NAME)
  @ApiNoContentResponse({ description: 'Removed' })
  @ApiErrors('agent_not_found')
  async remove(@Param('name') name: string, @CurrentCaller() caller: Caller): Promise<void> {
    if (!isVpsAgentName(name)) throw agentNotFound(name);
    await this.registerAgent.remove(caller, name);
  }
}

function readRegistration(body: unknown): VpsRegistration {
  const parsed = parseVpsRegistration(body);
  if (parsed.ok) return parsed.value;
  if ('unknownProtocol' in parsed) {
    throw new AppError('invalid_protocol', { message: `Invalid protocol: ${shortened(parsed.unknownProtocol)}` });
  }
  throw validationFailed(parsed.problems);
}
