import { isIP } from 'node:net';
import { ApiProperty, PartialType } from '@nestjs/swagger';
import { OwnerDto } from '../resources/pagination.dto';
import { Bool, Check, JsonObjectOf, OneOf, Optional, Text, TextList } from '../resources/validation';

const ROLES = ['controller', 'worker', 'proxy', 'storage'];
const STATUSES = ['pending', 'installing', 'online', 'offline', 'maintenance'];

export class CreateNodeDto {
  @Text({ min: 1, max: 200, controlCharacters: false, example: 'vps-1' })
  name!: string;

  @TextList({ minItems: 1, maxItems: 4, maxLength: 20, values: ROLES })
  role!: string[];

  @Optional() @Bool()
  isLocal?: boolean;

  @Optional() @Check('ip', 'must be an IP address', (value) => typeof value === 'string' && isIP(value) !== 0)
  @ApiProperty({ example: '10.8.0.2' })
  vpnIp?: string;

  @Optional() @OneOf(STATUSES)
  status?: string;

  @Optional() @JsonObjectOf(8192, { cpu: 4, memoryGb: 8 })
  specs?: Record<string, unknown>;

  @Optional() @JsonObjectOf(8192, { region: 'eu-central' })
  location?: Record<string, unknown>;
}

export class UpdateNodeDto extends PartialType(CreateNodeDto, { skipNullProperties: false }) {}

export class NodeDto {
  _id!: string;
  name!: string;
  role!: string[];
  isLocal!: boolean;
  @ApiProperty({ type: String, nullable: true })
  vpnIp!: string | null;
  status!: string;
  @ApiProperty({ type: 'object', additionalProperties: true })
  specs!: object;
  @ApiProperty({ type: 'object', additionalProperties: true })
  location!: object;
  owner!: OwnerDto;
  createdBy!: string;
  updatedBy!: string;
  createdAt!: string;
  updatedAt!: string;
}
