import { CurrentCaller, Idempotent, Needs, NoBody, type Caller } from '@agentfleet/platform';
import { Body, Controller, Delete, Get, Header, HttpCode, Param, Patch, Post, Put, Query } from '@nestjs/common';
import { ApiParam, ApiQuery, ApiTags } from '@nestjs/swagger';
import { ApiAnswer, ApiErrors, ApiPage, ApiTakes } from '../api/api-docs';
import { parseListQuery } from '../api/list-query';
import { DeletedDto, SuccessDto } from '../api/page.dto';
import { AgentDto, CreateAgentDto, RegeneratedDto, RegenerateDto, UpdateAgentDto } from './agent.dto';
import { AGENT_LIST, AgentsService } from './agents.service';
import { CredentialsService } from './credentials.service';

const ID = { name: 'id', description: '24 lower-case hex digits' };

@ApiTags('agents')
@Controller('agents')
export class AgentsController {
  constructor(
    private readonly agents: AgentsService,
    private readonly credentials: CredentialsService,
  ) {}

  /** Creates an agent. */
  @Post()
  @Idempotent()
  @Needs('agents:write')
  @ApiTakes(CreateAgentDto)
  @ApiAnswer(AgentDto, { status: 201 })
  @ApiErrors(400, 401, 403, 413, 415, 422, 503)
  create(@CurrentCaller() caller: Caller, @Body() body: CreateAgentDto): Promise<AgentDto> {
    return this.agents.create(caller, body);
  }

  /** Lists agents, filtered, sorted, in pages. */
  @Get()
  @Needs('agents:read')
  @ApiPage(AgentDto, Object.keys(AGENT_LIST.filters), AGENT_LIST.sorts)
  @ApiErrors(400, 401, 403, 503)
  list(@CurrentCaller() caller: Caller, @Query() query: Record<string, unknown>): Promise<object> {
    return this.agents.list(caller, parseListQuery(query, AGENT_LIST));
  }

  /** Reads an agent. */
  @Get(':id')
  @Needs('agents:read')
  @ApiParam(ID)
  @ApiQuery({ name: 'populate', required: false, enum: ['instruction'] })
  @ApiAnswer(AgentDto)
  @ApiErrors(400, 401, 403, 404, 503)
  get(@CurrentCaller() caller: Caller, @Param('id') id: string, @Query() query: Record<string, unknown>): Promise<AgentDto> {
    return this.agents.get(caller, id, query['populate']);
  }

  /** Changes an agent: absent fields stay, objects and arrays are replaced whole. */
  @Put(':id')
  @Needs('agents:write')
  @ApiParam(ID)
  @ApiTakes(UpdateAgentDto)
  @ApiAnswer(AgentDto)
  @ApiErrors(400, 401, 403, 404, 413, 415, 503)
  put(@CurrentCaller() caller: Caller, @Param('id') id: string, @Body() body: UpdateAgentDto): Promise<AgentDto> {
    return this.agents.update(caller, id, body);
  }

  /** Changes an agent: absent fields stay, objects and arrays are replaced whole. */
  @Patch(':id')
  @Needs('agents:write')
  @ApiParam(ID)
  @ApiTakes(UpdateAgentDto)
  @ApiAnswer(AgentDto)
  @ApiErrors(400, 401, 403, 404, 413, 415, 503)
  patch(@CurrentCaller() caller: Caller, @Param('id') id: string, @Body() body: UpdateAgentDto): Promise<AgentDto> {
    return this.agents.update(caller, id, body);
  }

  /** Deletes an agent for good. */
  @Delete(':id')
  @NoBody()
  @Needs('agents:write')
  @ApiParam(ID)
  @ApiAnswer(DeletedDto)
  @ApiErrors(400, 401, 403, 404, 503)
  delete(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<DeletedDto> {
    return this.agents.delete(caller, id);
  }

  /** Makes a new secret, shown only in this answer, with the lines and the script that put it in place. */
  @Post(':id/credentials/regenerate')
  @Idempotent({ holdsSecret: true })
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  @Needs('agents:write')
  @ApiParam(ID)
  @ApiTakes(RegenerateDto, false)
  @ApiAnswer(RegeneratedDto)
  @ApiErrors(400, 401, 403, 404, 413, 415, 422, 503)
  regenerate(@CurrentCaller() caller: Caller, @Param('id') id: string, @Body() body: RegenerateDto): Promise<RegeneratedDto> {
    return this.credentials.regenerate(caller, id, body.overlapSeconds ?? 0);
  }

  /** Ends an overlap early: the previous secret and its tokens stop working. */
  @Delete(':id/credentials/previous')
  @NoBody()
  @Needs('agents:write')
  @ApiParam(ID)
  @ApiAnswer(SuccessDto)
  @ApiErrors(400, 401, 403, 404, 503)
  endOverlap(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<{ success: true }> {
    return this.credentials.endOverlap(caller, id);
  }
}
