import {
  AIWM_TOOL_CATEGORIES,
  AIWM_TOOL_SCOPES,
  AIWM_TOOL_STATUSES,
  AIWM_TOOL_TRANSPORTS,
  AIWM_TOOL_TYPES,
  isJsonObject,
  type AiwmTool,
  type AiwmToolCreate,
  type AiwmToolSchema,
  type AiwmToolScope,
  type AiwmToolStatus,
  type AiwmToolTransport,
  type AiwmToolType,
  type AiwmToolUpdate,
} from '@agentfleet/contracts';
import { applyDecorators } from '@nestjs/common';
import { ApiProperty, OmitType, PartialType } from '@nestjs/swagger';
import { ValidateIf } from 'class-validator';
import type { Documented } from '../api/documented';
import { EXAMPLE, example } from '../api/examples';
import { OwnerDto } from '../api/page.dto';
import { Check, OneOf, Optional, StoredObjectOf, Text, TextList, WellFormed, WholeNumber } from '../api/validation';

const EXAMPLE_SCHEMA = {
  inputSchema: { type: 'object', properties: { path: { type: 'string' } }, required: ['path'] },
  outputSchema: { type: 'object' },
};

function isHttpUrl(value: unknown): boolean {
  return typeof value === 'string' && value.length <= 2048 && !/[\u0000-\u0020\u007f]/.test(value) && URL.canParse(value) && /^https?:$/.test(new URL(value).protocol);
}
const HttpUrl = (): PropertyDecorator => applyDecorators(Check('httpUrl', 'must be an http or https URL of at most 2048 characters', isHttpUrl), WellFormed());
const isStringMap = (value: unknown) => isJsonObject(value) && Object.values(value).every((entry) => typeof entry === 'string');
const hasBothSchemas = (value: unknown) => isJsonObject(value) && isJsonObject(value['inputSchema']) && isJsonObject(value['outputSchema']);

/** Required for MCP servers, optional for all other types. */
const RequiredForMcp = (): PropertyDecorator => ValidateIf((body: { type?: unknown }, value: unknown) => body.type === 'mcp' || value !== undefined);

class ToolFieldsDto {
  @Text({ min: 1, max: 100, controlCharacters: false, example: 'read-file' })
  name!: string;

  @OneOf(AIWM_TOOL_TYPES)
  type!: AiwmToolType;

  @Text({ min: 1, max: 500, example: 'Reads a file of the workspace' })
  description!: string;

  @OneOf(AIWM_TOOL_CATEGORIES)
  category!: string;

  @Check('bothSchemas', 'must be an object with inputSchema and outputSchema objects', hasBothSchemas)
  @StoredObjectOf(65_536, EXAMPLE_SCHEMA)
  schema!: AiwmToolSchema;

  @Optional() @OneOf(AIWM_TOOL_STATUSES)
  status?: AiwmToolStatus;

  @Optional() @OneOf(AIWM_TOOL_SCOPES)
  scope?: AiwmToolScope;

  @Optional() @TextList({ maxItems: 50, maxLength: 100 })
  tags?: string[];

  @Optional() @Check('stringMap', 'must be an object of strings', isStringMap) @StoredObjectOf(65_536)
  environment?: Record<string, string>;

  @Optional() @Text({ max: 2048 })
  healthEndpoint?: string;
}

export class CreateToolDto extends ToolFieldsDto implements Documented<AiwmToolCreate> {
  @RequiredForMcp() @OneOf(AIWM_TOOL_TRANSPORTS) @ApiProperty({ required: false, description: 'Required when type is mcp' })
  transport?: AiwmToolTransport;

  @RequiredForMcp() @HttpUrl()
  @ApiProperty({ required: false, description: 'Required when type is mcp' })
  endpoint?: string;

  @RequiredForMcp() @Text({ min: 1, max: 300 }) @ApiProperty({ required: false, description: 'Required when type is mcp' })
  dockerImage?: string;

  @RequiredForMcp() @WholeNumber(1024, 65_535) @ApiProperty({ required: false, description: 'Required when type is mcp' })
  port?: number;
}

export class UpdateToolDto extends PartialType(OmitType(CreateToolDto, ['transport', 'endpoint', 'dockerImage', 'port']), {
  skipNullProperties: false,
}) implements Documented<AiwmToolUpdate> {
  @Optional() @OneOf(AIWM_TOOL_TRANSPORTS)
  transport?: AiwmToolTransport;

  @Optional() @HttpUrl()
  endpoint?: string;

  @Optional() @Text({ min: 1, max: 300 })
  dockerImage?: string;

  @Optional() @WholeNumber(1024, 65_535)
  port?: number;
}

export class ToolDto implements Documented<AiwmTool> {
  _id!: string;
  name!: string;
  type!: string;
  description!: string;
  category!: string;
  @ApiProperty({ type: 'object', additionalProperties: true, example: EXAMPLE_SCHEMA })
  schema!: AiwmToolSchema;
  status!: string;
  scope!: string;
  tags!: string[];
  @ApiProperty({ type: String, nullable: true })
  transport!: string | null;
  @ApiProperty({ type: String, nullable: true })
  endpoint!: string | null;
  @ApiProperty({ type: String, nullable: true })
  dockerImage!: string | null;
  @ApiProperty({ type: 'integer', nullable: true })
  port!: number | null;
  /** Names as they are, values always "[redacted]". */
  @ApiProperty({ type: 'object', additionalProperties: { type: 'string' }, example: { API_TOKEN: '[redacted]' } })
  environment!: Record<string, string>;
  @ApiProperty({ type: String, nullable: true })
  healthEndpoint!: string | null;
  owner!: OwnerDto;
  createdBy!: string;
  updatedBy!: string;
  createdAt!: string;
  updatedAt!: string;
}

const schema = { inputSchema: { type: 'object', properties: { path: { type: 'string' } } }, outputSchema: { type: 'object' } };
const tool = { name: 'read-file', type: 'builtin' as const, description: 'Reads a file of the workspace', category: 'productivity', schema };
example(CreateToolDto, { ...tool, scope: 'org' });
example(UpdateToolDto, { status: 'inactive' });
example(ToolDto, { _id: EXAMPLE.TOOL, ...tool, status: 'active', scope: 'org', tags: [], transport: null, endpoint: null, dockerImage: null, port: null, environment: { API_TOKEN: '[redacted]' }, healthEndpoint: null, ...EXAMPLE.TENANT });
