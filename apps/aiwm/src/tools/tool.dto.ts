import { ApiProperty, OmitType, PartialType } from '@nestjs/swagger';
import { ValidateIf } from 'class-validator';
import { OwnerDto } from '../resources/pagination.dto';
import { Check, isPlainObject, JsonObjectOf, OneOf, Optional, Text, TextList, WholeNumber } from '../resources/validation';

const TYPES = ['mcp', 'builtin', 'custom', 'api'];
const CATEGORIES = ['productivity', 'data', 'system', 'communication'];
const STATUSES = ['active', 'inactive', 'error'];
const SCOPES = ['public', 'org', 'private'];

const EXAMPLE_SCHEMA = {
  inputSchema: { type: 'object', properties: { path: { type: 'string' } }, required: ['path'] },
  outputSchema: { type: 'object' },
};

function isHttpUrl(value: unknown): boolean {
  return typeof value === 'string' && value.length <= 2048 && !/[\u0000-\u0020\u007f]/.test(value) && URL.canParse(value) && /^https?:$/.test(new URL(value).protocol);
}
const isStringMap = (value: unknown) => isPlainObject(value) && Object.values(value).every((entry) => typeof entry === 'string');
const hasBothSchemas = (value: unknown) => isPlainObject(value) && isPlainObject(value['inputSchema']) && isPlainObject(value['outputSchema']);

/** Required for MCP servers, optional for all other types. */
const RequiredForMcp = (): PropertyDecorator => ValidateIf((body: { type?: unknown }, value: unknown) => body.type === 'mcp' || value !== undefined);

class ToolFieldsDto {
  @Text({ min: 1, max: 100, controlCharacters: false, example: 'read-file' })
  name!: string;

  @OneOf(TYPES)
  type!: 'mcp' | 'builtin' | 'custom' | 'api';

  @Text({ min: 1, max: 500, example: 'Reads a file of the workspace' })
  description!: string;

  @OneOf(CATEGORIES)
  category!: string;

  @Check('bothSchemas', 'must be an object with inputSchema and outputSchema objects', hasBothSchemas)
  @JsonObjectOf(65_536, EXAMPLE_SCHEMA)
  schema!: Record<string, unknown>;

  @Optional() @OneOf(STATUSES)
  status?: 'active' | 'inactive' | 'error';

  @Optional() @OneOf(SCOPES)
  scope?: 'public' | 'org' | 'private';

  @Optional() @TextList({ maxItems: 50, maxLength: 100 })
  tags?: string[];

  @Optional() @Check('stringMap', 'must be an object of strings', isStringMap) @JsonObjectOf(65_536)
  environment?: Record<string, string>;

  @Optional() @Text({ max: 2048 })
  healthEndpoint?: string;
}

export class CreateToolDto extends ToolFieldsDto {
  @RequiredForMcp() @OneOf(['sse', 'http']) @ApiProperty({ required: false, description: 'Required when type is mcp' })
  transport?: 'sse' | 'http';

  @RequiredForMcp() @Check('httpUrl', 'must be an http or https URL of at most 2048 characters', isHttpUrl)
  @ApiProperty({ required: false, description: 'Required when type is mcp' })
  endpoint?: string;

  @RequiredForMcp() @Text({ min: 1, max: 300 }) @ApiProperty({ required: false, description: 'Required when type is mcp' })
  dockerImage?: string;

  @RequiredForMcp() @WholeNumber(1024, 65_535) @ApiProperty({ required: false, description: 'Required when type is mcp' })
  port?: number;
}

export class UpdateToolDto extends PartialType(OmitType(CreateToolDto, ['transport', 'endpoint', 'dockerImage', 'port']), {
  skipNullProperties: false,
}) {
  @Optional() @OneOf(['sse', 'http'])
  transport?: 'sse' | 'http';

  @Optional() @Check('httpUrl', 'must be an http or https URL of at most 2048 characters', isHttpUrl)
  endpoint?: string;

  @Optional() @Text({ min: 1, max: 300 })
  dockerImage?: string;

  @Optional() @WholeNumber(1024, 65_535)
  port?: number;
}

export class ToolDto {
  _id!: string;
  name!: string;
  type!: string;
  description!: string;
  category!: string;
  @ApiProperty({ type: 'object', additionalProperties: true, example: EXAMPLE_SCHEMA })
  schema!: object;
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
