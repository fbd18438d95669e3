import { CurrentCaller, Idempotent, Needs, NoBody, type Caller } from '@agentfleet/platform';
import { Body, Controller, Delete, Get, Param, Patch, Post, Put, Query } from '@nestjs/common';
import { ApiParam, ApiTags } from '@nestjs/swagger';
import { ApiAnswer, ApiErrors, ApiPage, ApiTakes } from '../api/api-docs';
import { parseListQuery } from '../api/list-query';
import { DeletedDto } from '../api/page.dto';
import { CreateToolDto, ToolDto, UpdateToolDto } from './tool.dto';
import { TOOL_LIST, ToolsService } from './tools.service';

const ID = { name: 'id', description: '24 lower-case hex digits' };

@ApiTags('tools')
@Controller('tools')
export class ToolsController {
  constructor(private readonly tools: ToolsService) {}

  /** Creates a tool. */
  @Post()
  @Idempotent()
  @Needs('agents:write')
  @ApiTakes(CreateToolDto)
  @ApiAnswer(ToolDto, { status: 201 })
  @ApiErrors(400, 401, 403, 413, 415, 422, 503)
  create(@CurrentCaller() caller: Caller, @Body() body: CreateToolDto): Promise<ToolDto> {
    return this.tools.create(caller, body);
  }

  /** Lists tools, filtered, sorted, in pages. */
  @Get()
  @Needs('agents:read')
  @ApiPage(ToolDto, Object.keys(TOOL_LIST.filters), TOOL_LIST.sorts)
  @ApiErrors(400, 401, 403, 503)
  list(@CurrentCaller() caller: Caller, @Query() query: Record<string, unknown>): Promise<object> {
    return this.tools.list(caller, parseListQuery(query, TOOL_LIST));
  }

  /** Reads a tool. */
  @Get(':id')
  @Needs('agents:read')
  @ApiParam(ID)
  @ApiAnswer(ToolDto)
  @ApiErrors(400, 401, 403, 404, 503)
  get(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<ToolDto> {
    return this.tools.get(caller, id);
  }

  /** Changes a tool: absent fields stay, objects and arrays are replaced whole. */
  @Put(':id')
  @Needs('agents:write')
  @ApiParam(ID)
  @ApiTakes(UpdateToolDto)
  @ApiAnswer(ToolDto)
  @ApiErrors(400, 401, 403, 404, 409, 413, 415, 503)
  put(@CurrentCaller() caller: Caller, @Param('id') id: string, @Body() body: UpdateToolDto): Promise<ToolDto> {
    return this.tools.update(caller, id, body);
  }

  /** Changes a tool: absent fields stay, objects and arrays are replaced whole. */
  @Patch(':id')
  @Needs('agents:write')
  @ApiParam(ID)
  @ApiTakes(UpdateToolDto)
  @ApiAnswer(ToolDto)
  @ApiErrors(400, 401, 403, 404, 409, 413, 415, 503)
  patch(@CurrentCaller() caller: Caller, @Param('id') id: string, @Body() body: UpdateToolDto): Promise<ToolDto> {
    return this.tools.update(caller, id, body);
  }

  /** Deletes a tool for good. */
  @Delete(':id')
  @NoBody()
  @Needs('agents:write')
  @ApiParam(ID)
  @ApiAnswer(DeletedDto)
  @ApiErrors(400, 401, 403, 404, 409, 503)
  delete(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<DeletedDto> {
    return this.tools.delete(caller, id);
  }
}
