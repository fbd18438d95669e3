import { CurrentCaller, Needs, NoBody, type Caller } from '@agentfleet/platform';
import { Body, Controller, Delete, Get, Param, Patch, Post, Put, Query } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiParam, ApiTags } from '@nestjs/swagger';
import { Idempotent } from '../idempotency/idempotency.interceptor';
import { ApiErrors, ApiPage } from '../resources/api-docs';
import { parseListQuery } from '../resources/list-query';
import { DeletedDto } from '../resources/pagination.dto';
import { CreateInstructionDto, InstructionDto, UpdateInstructionDto } from './instruction.dto';
import { INSTRUCTION_LIST, InstructionsService } from './instructions.service';

const ID = { name: 'id', description: '24 lower-case hex digits' };

@ApiTags('instructions')
@Controller('instructions')
export class InstructionsController {
  constructor(private readonly instructions: InstructionsService) {}

  @Post()
  @Idempotent()
  @Needs('agents:write')
  @ApiCreatedResponse({ type: InstructionDto })
  @ApiErrors(400, 401, 403, 413, 415, 422, 503)
  create(@CurrentCaller() caller: Caller, @Body() body: CreateInstructionDto): Promise<InstructionDto> {
    return this.instructions.create(caller, body);
  }

  @Get()
  @Needs('agents:read')
  @ApiPage(InstructionDto, Object.keys(INSTRUCTION_LIST.filters), INSTRUCTION_LIST.sorts)
  @ApiErrors(400, 401, 403, 503)
  list(@CurrentCaller() caller: Caller, @Query() query: Record<string, unknown>): Promise<object> {
    return this.instructions.list(caller, parseListQuery(query, INSTRUCTION_LIST));
  }

  @Get(':id')
  @Needs('agents:read')
  @ApiParam(ID)
  @ApiOkResponse({ type: InstructionDto })
  @ApiErrors(400, 401, 403, 404, 503)
  get(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<InstructionDto> {
    return this.instructions.get(caller, id);
  }

  @Put(':id')
  @Needs('agents:write')
  @ApiParam(ID)
  @ApiOkResponse({ type: InstructionDto })
  @ApiErrors(400, 401, 403, 404, 409, 413, 415, 503)
  put(@CurrentCaller() caller: Caller, @Param('id') id: string, @Body() body: UpdateInstructionDto): Promise<InstructionDto> {
    return this.instructions.update(caller, id, body);
  }

  @Patch(':id')
  @Needs('agents:write')
  @ApiParam(ID)
  @ApiOkResponse({ type: InstructionDto })
  @ApiErrors(400, 401, 403, 404, 409, 413, 415, 503)
  patch(@CurrentCaller() caller: Caller, @Param('id') id: string, @Body() body: UpdateInstructionDto): Promise<InstructionDto> {
    return this.instructions.update(caller, id, body);
  }

  @Delete(':id')
  @NoBody()
  @Needs('agents:write')
  @ApiParam(ID)
  @ApiOkResponse({ type: DeletedDto })
  @ApiErrors(400, 401, 403, 404, 409, 503)
  delete(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<DeletedDto> {
    return this.instructions.delete(caller, id);
  }
}
