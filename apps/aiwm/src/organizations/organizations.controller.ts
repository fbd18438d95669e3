import { Authenticated, CurrentCaller, Idempotent, Needs, NoBody, type Caller } from '@agentfleet/platform';
import { AppError } from '@agentfleet/errors';
import { Body, Controller, Delete, Get, Param, Patch, Post, Put, Query } from '@nestjs/common';
import { ApiParam, ApiTags } from '@nestjs/swagger';
import { ApiAnswer, ApiErrors, ApiPage, ApiTakes } from '../api/api-docs';
import { parseListQuery } from '../api/list-query';
import { DeletedDto } from '../api/page.dto';
import { CreateOrganizationDto, OrganizationDto, UpdateOrganizationDto } from './organization.dto';
import { ORGANIZATION_LIST, OrganizationsService } from './organizations.service';

const ID = { name: 'id', description: '24 lower-case hex digits' };

/** Reading is for people and keys of any right, but not for agents' tokens. */
function refuseAgents(caller: Caller): Caller {
  if (caller.kind === 'agent') throw new AppError('forbidden', { message: "An agent's token cannot be used here" });
  return caller;
}

@ApiTags('organizations')
@Controller('organizations')
export class OrganizationsController {
  constructor(private readonly organizations: OrganizationsService) {}

  /** Creates an organization. */
  @Post()
  @Idempotent()
  @Needs('organizations:manage')
  @ApiTakes(CreateOrganizationDto)
  @ApiAnswer(OrganizationDto, { status: 201 })
  @ApiErrors(400, 401, 403, 409, 413, 415, 422, 503)
  create(@CurrentCaller() caller: Caller, @Body() body: CreateOrganizationDto): Promise<OrganizationDto> {
    return this.organizations.create(caller, body);
  }

  /** Lists organizations, filtered, sorted, in pages. */
  @Get()
  @Authenticated()
  @ApiPage(OrganizationDto, Object.keys(ORGANIZATION_LIST.filters), ORGANIZATION_LIST.sorts)
  @ApiErrors(400, 401, 403, 503)
  list(@CurrentCaller() caller: Caller, @Query() query: Record<string, unknown>): Promise<object> {
    return this.organizations.list(refuseAgents(caller), parseListQuery(query, ORGANIZATION_LIST));
  }

  /** Reads an organization. */
  @Get(':id')
  @Authenticated()
  @ApiParam(ID)
  @ApiAnswer(OrganizationDto)
  @ApiErrors(400, 401, 403, 404, 503)
  get(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<OrganizationDto> {
    return this.organizations.get(refuseAgents(caller), id);
  }

  /** Changes an organization: absent fields stay, objects and arrays are replaced whole. */
  @Put(':id')
  @Needs('organizations:manage')
  @ApiParam(ID)
  @ApiTakes(UpdateOrganizationDto)
  @ApiAnswer(OrganizationDto)
  @ApiErrors(400, 401, 403, 404, 409, 413, 415, 503)
  put(@CurrentCaller() caller: Caller, @Param('id') id: string, @Body() body: UpdateOrganizationDto): Promise<OrganizationDto> {
    return this.organizations.update(caller, id, body);
  }

  /** Changes an organization: absent fields stay, objects and arrays are replaced whole. */
  @Patch(':id')
  @Needs('organizations:manage')
  @ApiParam(ID)
  @ApiTakes(UpdateOrganizationDto)
  @ApiAnswer(OrganizationDto)
  @ApiErrors(400, 401, 403, 404, 409, 413, 415, 503)
  patch(@CurrentCaller() caller: Caller, @Param('id') id: string, @Body() body: UpdateOrganizationDto): Promise<OrganizationDto> {
    return this.organizations.update(caller, id, body);
  }

  /** Deletes an organization for good. */
  @Delete(':id')
  @NoBody()
  @Needs('organizations:manage')
  @ApiParam(ID)
  @ApiAnswer(DeletedDto)
  @ApiErrors(400, 401, 403, 404, 409, 503)
  delete(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<DeletedDto> {
    return this.organizations.delete(caller, id);
  }
}
