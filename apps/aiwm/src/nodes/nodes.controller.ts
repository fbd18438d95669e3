import { CurrentCaller, Needs, NoBody, type Caller } from '@agentfleet/platform';
import { Body, Controller, Delete, Get, Param, Patch, Post, Put, Query } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiParam, ApiTags } from '@nestjs/swagger';
import { Idempotent } from '../idempotency/idempotency.interceptor';
import { ApiErrors, ApiPage } from '../resources/api-docs';
import { parseListQuery } from '../resources/list-query';
import { DeletedDto } from '../resources/pagination.dto';
import { CreateNodeDto, NodeDto, UpdateNodeDto } from './node.dto';
import { NODE_LIST, NodesService } from './nodes.service';

const ID = { name: 'id', description: '24 lower-case hex digits' };

@ApiTags('nodes')
@Controller('nodes')
export class NodesController {
  constructor(private readonly nodes: NodesService) {}

  @Post()
  @Idempotent()
  @Needs('agents:write')
  @ApiCreatedResponse({ type: NodeDto })
  @ApiErrors(400, 401, 403, 413, 415, 422, 503)
  create(@CurrentCaller() caller: Caller, @Body() body: CreateNodeDto): Promise<NodeDto> {
    return this.nodes.create(caller, body);
  }

  @Get()
  @Needs('agents:read')
  @ApiPage(NodeDto, Object.keys(NODE_LIST.filters), NODE_LIST.sorts)
  @ApiErrors(400, 401, 403, 503)
  list(@CurrentCaller() caller: Caller, @Query() query: Record<string, unknown>): Promise<object> {
    return this.nodes.list(caller, parseListQuery(query, NODE_LIST));
  }

  @Get(':id')
  @Needs('agents:read')
  @ApiParam(ID)
  @ApiOkResponse({ type: NodeDto })
  @ApiErrors(400, 401, 403, 404, 503)
  get(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<NodeDto> {
    return this.nodes.get(caller, id);
  }

  @Put(':id')
  @Needs('agents:write')
  @ApiParam(ID)
  @ApiOkResponse({ type: NodeDto })
  @ApiErrors(400, 401, 403, 404, 409, 413, 415, 503)
  put(@CurrentCaller() caller: Caller, @Param('id') id: string, @Body() body: UpdateNodeDto): Promise<NodeDto> {
    return this.nodes.update(caller, id, body);
  }

  @Patch(':id')
  @Needs('agents:write')
  @ApiParam(ID)
  @ApiOkResponse({ type: NodeDto })
  @ApiErrors(400, 401, 403, 404, 409, 413, 415, 503)
  patch(@CurrentCaller() caller: Caller, @Param('id') id: string, @Body() body: UpdateNodeDto): Promise<NodeDto> {
    return this.nodes.update(caller, id, body);
  }

  @Delete(':id')
  @NoBody()
  @Needs('agents:write')
  @ApiParam(ID)
  @ApiOkResponse({ type: DeletedDto })
  @ApiErrors(400, 401, 403, 404, 409, 503)
  delete(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<DeletedDto> {
    return this.nodes.delete(caller, id);
  }
}
