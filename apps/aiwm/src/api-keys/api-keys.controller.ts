import type { KeyUsedNotice } from '@agentfleet/contracts';
import { CurrentCaller, Idempotent, Needs, NoBody, OnNotice, type Caller } from '@agentfleet/platform';
import { Body, Controller, Delete, Get, Header, HttpCode, Param, Patch, Post, Put, Query } from '@nestjs/common';
import { ApiParam, ApiTags } from '@nestjs/swagger';
import { ApiAnswer, ApiErrors, ApiPage, ApiTakes } from '../api/api-docs';
import { parseListQuery, type ListRules } from '../api/list-query';
import { DeletedDto } from '../api/page.dto';
import { ApiKeyDto, CreateApiKeyDto, CreatedApiKeyDto, RotateApiKeyDto, RotatedApiKeyDto, UpdateApiKeyDto } from './api-key.dto';
import { ApiKeyRepository } from './api-key.repository';
import { ApiKeysService } from './api-keys.service';

const ID = { name: 'id', description: '24 lower-case hex digits' };
const LIST: ListRules = { filters: { name: 'contains', _id: 'id' }, sorts: ['name', 'createdAt', 'updatedAt'] };

@ApiTags('keys')
@Controller('api-keys')
export class ApiKeysController {
  constructor(
    private readonly keys: ApiKeysService,
    private readonly repository: ApiKeyRepository,
  ) {}

  /** Makes a key; the key itself is shown only in this answer. */
  @Post()
  @Idempotent({ holdsSecret: true })
  @Header('Cache-Control', 'no-store')
  @Needs('api-keys:manage')
  @ApiTakes(CreateApiKeyDto)
  @ApiAnswer(CreatedApiKeyDto, { status: 201 })
  @ApiErrors(400, 401, 403, 413, 415, 422, 503)
  create(@CurrentCaller() caller: Caller, @Body() body: CreateApiKeyDto): Promise<CreatedApiKeyDto> {
    return this.keys.create(caller, body);
  }

  /** Lists API keys, filtered, sorted, in pages. */
  @Get()
  @Needs('api-keys:manage')
  @ApiPage(ApiKeyDto, Object.keys(LIST.filters), LIST.sorts)
  @ApiErrors(400, 401, 403, 503)
  list(@CurrentCaller() caller: Caller, @Query() query: Record<string, unknown>): Promise<object> {
    return this.keys.list(caller, parseListQuery(query, LIST));
  }

  /** Reads an API key. */
  @Get(':id')
  @Needs('api-keys:manage')
  @ApiParam(ID)
  @ApiAnswer(ApiKeyDto)
  @ApiErrors(400, 401, 403, 404, 503)
  get(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<ApiKeyDto> {
    return this.keys.get(caller, id);
  }

  /** Changes an API key: absent fields stay, objects and arrays are replaced whole. */
  @Put(':id')
  @Needs('api-keys:manage')
  @ApiParam(ID)
  @ApiTakes(UpdateApiKeyDto)
  @ApiAnswer(ApiKeyDto)
  @ApiErrors(400, 401, 403, 404, 413, 415, 503)
  put(@CurrentCaller() caller: Caller, @Param('id') id: string, @Body() body: UpdateApiKeyDto): Promise<ApiKeyDto> {
    return this.keys.update(caller, id, body);
  }

  /** Changes an API key: absent fields stay, objects and arrays are replaced whole. */
  @Patch(':id')
  @Needs('api-keys:manage')
  @ApiParam(ID)
  @ApiTakes(UpdateApiKeyDto)
  @ApiAnswer(ApiKeyDto)
  @ApiErrors(400, 401, 403, 404, 413, 415, 503)
  patch(@CurrentCaller() caller: Caller, @Param('id') id: string, @Body() body: UpdateApiKeyDto): Promise<ApiKeyDto> {
    return this.keys.update(caller, id, body);
  }

  /** A new secret for the same key; the old one ends at once or with the overlap. */
  @Post(':id/rotate')
  @Idempotent({ holdsSecret: true })
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  @Needs('api-keys:manage')
  @ApiParam(ID)
  @ApiTakes(RotateApiKeyDto, false)
  @ApiAnswer(RotatedApiKeyDto)
  @ApiErrors(400, 401, 403, 404, 413, 415, 422, 503)
  rotate(@CurrentCaller() caller: Caller, @Param('id') id: string, @Body() body: RotateApiKeyDto): Promise<RotatedApiKeyDto> {
    return this.keys.rotate(caller, id, body.overlapSeconds ?? 0);
  }

  /** Revokes an API key at once. */
  @Delete(':id')
  @NoBody()
  @Needs('api-keys:manage')
  @ApiParam(ID)
  @ApiAnswer(DeletedDto)
  @ApiErrors(400, 401, 403, 404, 503)
  revoke(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<DeletedDto> {
    return this.keys.revoke(caller, id);
  }

  /** Every app says which keys it saw; only this one writes the collection. */
  @OnNotice('key.used')
  async used({ orgId, keyIds, at }: KeyUsedNotice): Promise<void> {
    await this.repository.used(orgId, keyIds, new Date(at));
  }
}
