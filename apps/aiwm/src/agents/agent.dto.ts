import { ApiProperty, OmitType, PartialType } from '@nestjs/swagger';
import { OwnerDto } from '../resources/pagination.dto';
import { Check, JsonObjectOf, ObjectIdList, ObjectIdOrNull, OneOf, Optional, Text, TextList, WholeNumber } from '../resources/validation';

const EXAMPLE_SETTINGS = { claudeModel: 'claude-3-5-haiku-latest', maxTurns: 100, discord: { token: '[redacted]', channelIds: ['123'] } };

const secretFits = (value: unknown) => typeof value === 'string' && Buffer.byteLength(value) >= 16 && Buffer.byteLength(value) <= 72;

export class CreateAgentDto {
  @Text({ min: 1, max: 200, controlCharacters: false, example: 'My Agent' })
  name!: string;

  @Optional() @Text({ max: 2000 })
  description?: string;

  @Optional() @OneOf(['active', 'inactive', 'busy', 'suspended'])
  status?: 'active' | 'inactive' | 'busy' | 'suspended';

  @Optional() @OneOf(['autonomous', 'managed'])
  type?: 'autonomous' | 'managed';

  @Optional() @ObjectIdOrNull()
  instructionId?: string | null;

  @Optional() @ObjectIdOrNull()
  nodeId?: string | null;

  @Optional() @ObjectIdList(200)
  allowedToolIds?: string[];

  @Optional() @TextList({ maxItems: 50, maxLength: 100 })
  tags?: string[];

  @Optional() @JsonObjectOf(65_536, EXAMPLE_SETTINGS)
  settings?: Record<string, unknown>;

  /** Absent: no credential until POST /agents/{id}/credentials/regenerate. */
  @Optional() @Check('secret', 'must be a string of 16 to 72 bytes', secretFits)
  secret?: string;
}

export class UpdateAgentDto extends PartialType(OmitType(CreateAgentDto, ['secret']), { skipNullProperties: false }) {
  @Check('noSecret', 'cannot be set here; use POST /agents/{id}/credentials/regenerate', (value) => value === undefined)
  @ApiProperty({ required: false, description: 'Refused: use credentials/regenerate' })
  secret?: string;
}

export class PresenceDto {
  @ApiProperty({ enum: ['online', 'busy', 'idle', 'stale', 'offline', 'never_connected'] })
  status!: string;
  since!: string;
  @ApiProperty({ example: 'heartbeat' })
  reason!: string;
  @ApiProperty({ type: String, nullable: true })
  detail!: string | null;
  @ApiProperty({ type: String, nullable: true })
  lastHeartbeatAt!: string | null;
  @ApiProperty({ type: String, nullable: true })
  nextExpectedAt!: string | null;
}

export class CredentialsDto {
  @ApiProperty({ type: String, nullable: true })
  issuedAt!: string | null;
  @ApiProperty({ type: String, nullable: true })
  lastUsedAt!: string | null;
  @ApiProperty({ type: String, nullable: true })
  previousExpiresAt!: string | null;
  @ApiProperty({ type: String, nullable: true })
  previousLastUsedAt!: string | null;
}

export class AgentDto {
  _id!: string;
  name!: string;
  description!: string;
  status!: string;
  type!: string;
  /** Id; the whole document with `populate=instruction`. */
  @ApiProperty({ type: String, nullable: true })
  instructionId!: string | object | null;
  @ApiProperty({ type: String, nullable: true })
  nodeId!: string | null;
  allowedToolIds!: string[];
  tags!: string[];
  @ApiProperty({ type: 'object', additionalProperties: true, example: EXAMPLE_SETTINGS })
  settings!: object;
  connectionStatus!: string;
  presence!: PresenceDto;
  @ApiProperty({ type: 'integer' })
  connectionCount!: number;
  @ApiProperty({ type: String, nullable: true })
  lastConnectedAt!: string | null;
  @ApiProperty({ type: String, nullable: true })
  lastHeartbeatAt!: string | null;
  @ApiProperty({ type: 'object', additionalProperties: true, nullable: true })
  metrics!: object | null;
  @ApiProperty({ type: String, nullable: true })
  metricsAt!: string | null;
  @ApiProperty({ type: 'integer' })
  configRevision!: number;
  credentials!: CredentialsDto;
  owner!: OwnerDto;
  createdBy!: string;
  updatedBy!: string;
  createdAt!: string;
  updatedAt!: string;
}

export class RegenerateDto {
  /** How long the old secret and its tokens go on working, in seconds. */
  @Optional() @WholeNumber(0, 90 * 86_400)
  overlapSeconds?: number;
}

export class RegeneratedDto {
  agentId!: string;
  /** 64 hex digits; shown only here. */
  secret!: string;
  envConfig!: string;
  installScript!: string;
  @ApiProperty({ required: false })
  previousSecretExpiresAt?: string;
}
