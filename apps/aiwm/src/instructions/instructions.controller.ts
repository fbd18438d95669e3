import { CurrentCaller, Idempotent, Needs, NoBody, type Caller } from '@agentfleet/platform';
import { Body, Controller, Delete, Get, Param, Patch, Post, Put, Query } from '@nestjs/common';
import { ApiParam, ApiTags } from '@nestjs/swagger';
import { ApiAnswer, ApiErrors, ApiPage, ApiTakes } from '../api/api-docs';
import { parseListQuery } from '../api/list-query';
import { DeletedDto } from '../api/page.dto';
import { CreateInstructionDto, InstructionDto, UpdateInstructionDto } from './instruction.dto';
import { INSTRUCTION_LIST, InstructionsService } from './instructions.service';

const ID = { name: 'id', description: '24 lower-case hex digits' };

@ApiTags('instructions')
@Controller('instructions')
export class InstructionsController {
  constructor(private readonly instructions: InstructionsService) {}

  /** Creates an instruction. */
  @Post()
  @Idempotent()
  @Needs('agents:write')
  @ApiTakes(CreateInstructionDto)
  @ApiAnswer(InstructionDto, { status: 201 })
  @ApiErrors(400, 401, 403, 413, 415, 422, 503)
  create(@CurrentCaller() caller: Caller, @Body() body: CreateInstructionDto): Promise<InstructionDto> {
    return this.instructions.create(caller, body);
  }

  /** Lists instructions, filtered, sorted, in pages. */
  @Get()
  @Needs('agents:read')
  @ApiPage(InstructionDto, Object.keys(INSTRUCTION_LIST.filters), INSTRUCTION_LIST.sorts)
  @ApiErrors(400, 401, 403, 503)
  list(@CurrentCaller() caller: Caller, @Query() query: Record<string, unknown>): Promise<object> {
    return this.instructions.list(caller, parseListQuery(query, INSTRUCTION_LIST));
  }

  /** Reads an instruction. */
  @Get(':id')
  @Needs('agents:read')
  @ApiParam(ID)
  @ApiAnswer(InstructionDto)
  @ApiErrors(400, 401, 403, 404, 503)
  get(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<InstructionDto> {
    return this.instructions.get(caller, id);
  }

  /** Changes an instruction: absent fields stay, objects and arrays are replaced whole. */
  @Put(':id')
  @Needs('agents:write')
  @ApiParam(ID)
  @ApiTakes(UpdateInstructionDto)
  @ApiAnswer(InstructionDto)
  @ApiErrors(400, 401, 403, 404, 409, 413, 415, 503)
  put(@CurrentCaller() caller: Caller, @Param('id') id: string, @Body() body: UpdateInstructionDto): Promise<InstructionDto> {
    return this.instructions.update(caller, id, body);
  }

  /** Changes an instruction: absent fields stay, objects and arrays are replaced whole. */
  @Patch(':id')
  @Needs('agents:write')
  @ApiParam(ID)
  @ApiTakes(UpdateInstructionDto)
  @ApiAnswer(InstructionDto)
  @ApiErrors(400, 401, 403, 404, 409, 413, 415, 503)
  patch(@CurrentCaller() caller: Caller, @Param('id') id: string, @Body() body: UpdateInstructionDto): Promise<InstructionDto> {
    return this.instructions.update(caller, id, body);
  }

  /** Deletes an instruction for good. */
  @Delete(':id')
  @NoBody()
  @Needs('agents:write')
  @ApiParam(ID)
  @ApiAnswer(DeletedDto)
  @ApiErrors(400, 401, 403, 404, 409, 503)
  delete(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<DeletedDto> {
    return this.instructions.delete(caller, id);
  }
}
