import { CurrentCaller, Idempotent, Needs, NoBody, type Caller } from '@agentfleet/platform';
import { Body, Controller, Delete, Get, Param, Patch, Post, Put, Query } from '@nestjs/common';
import { ApiParam, ApiTags } from '@nestjs/swagger';
import { ApiAnswer, ApiErrors, ApiPage, ApiTakes } from '../api/api-docs';
import { parseListQuery } from '../api/list-query';
import { DeletedDto } from '../api/page.dto';
import { CreateNodeDto, NodeDto, UpdateNodeDto } from './node.dto';
import { NODE_LIST, NodesService } from './nodes.service';

const ID = { name: 'id', description: '24 lower-case hex digits' };

@ApiTags('nodes')
@Controller('nodes')
export class NodesController {
  constructor(private readonly nodes: NodesService) {}

  /** Creates a node. */
  @Post()
  @Idempotent()
  @Needs('agents:write')
  @ApiTakes(CreateNodeDto)
  @ApiAnswer(NodeDto, { status: 201 })
  @ApiErrors(400, 401, 403, 413, 415, 422, 503)
  create(@CurrentCaller() caller: Caller, @Body() body: CreateNodeDto): Promise<NodeDto> {
    return this.nodes.create(caller, body);
  }

  /** Lists nodes, filtered, sorted, in pages. */
  @Get()
  @Needs('agents:read')
  @ApiPage(NodeDto, Object.keys(NODE_LIST.filters), NODE_LIST.sorts)
  @ApiErrors(400, 401, 403, 503)
  list(@CurrentCaller() caller: Caller, @Query() query: Record<string, unknown>): Promise<object> {
    return this.nodes.list(caller, parseListQuery(query, NODE_LIST));
  }

  /** Reads a node. */
  @Get(':id')
  @Needs('agents:read')
  @ApiParam(ID)
  @ApiAnswer(NodeDto)
  @ApiErrors(400, 401, 403, 404, 503)
  get(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<NodeDto> {
    return this.nodes.get(caller, id);
  }

  /** Changes a node: absent fields stay, objects and arrays are replaced whole. */
  @Put(':id')
  @Needs('agents:write')
  @ApiParam(ID)
  @ApiTakes(UpdateNodeDto)
  @ApiAnswer(NodeDto)
  @ApiErrors(400, 401, 403, 404, 409, 413, 415, 503)
  put(@CurrentCaller() caller: Caller, @Param('id') id: string, @Body() body: UpdateNodeDto): Promise<NodeDto> {
    return this.nodes.update(caller, id, body);
  }

  /** Changes a node: absent fields stay, objects and arrays are replaced whole. */
  @Patch(':id')
  @Needs('agents:write')
  @ApiParam(ID)
  @ApiTakes(UpdateNodeDto)
  @ApiAnswer(NodeDto)
  @ApiErrors(400, 401, 403, 404, 409, 413, 415, 503)
  patch(@CurrentCaller() caller: Caller, @Param('id') id: string, @Body() body: UpdateNodeDto): Promise<NodeDto> {
    return this.nodes.update(caller, id, body);
  }

  /** Deletes a node for good. */
  @Delete(':id')
  @NoBody()
  @Needs('agents:write')
  @ApiParam(ID)
  @ApiAnswer(DeletedDto)
  @ApiErrors(400, 401, 403, 404, 409, 503)
  delete(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<DeletedDto> {
    return this.nodes.delete(caller, id);
  }
}
