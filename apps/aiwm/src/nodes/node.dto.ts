import { isIP } from 'node:net';
import { AIWM_NODE_ROLES, AIWM_NODE_STATUSES, type AiwmNode, type AiwmNodeCreate, type AiwmNodeUpdate, type JsonObject } from '@agentfleet/contracts';
import { ApiProperty, PartialType } from '@nestjs/swagger';
import type { Documented } from '../api/documented';
import { EXAMPLE, example } from '../api/examples';
import { OwnerDto } from '../api/page.dto';
import { Bool, Check, OneOf, Optional, StoredObjectOf, Text, TextList } from '../api/validation';

export class CreateNodeDto implements Documented<AiwmNodeCreate> {
  @Text({ min: 1, max: 200, controlCharacters: false, example: 'vps-1' })
  name!: string;

  @TextList({ minItems: 1, maxItems: 4, maxLength: 20, values: AIWM_NODE_ROLES })
  role!: string[];

  @Optional() @Bool()
  isLocal?: boolean;

  @Optional() @Check('ip', 'must be an IP address', (value) => typeof value === 'string' && isIP(value) !== 0)
  @ApiProperty({ example: '10.8.0.2' })
  vpnIp?: string;

  @Optional() @OneOf(AIWM_NODE_STATUSES)
  status?: string;

  @Optional() @StoredObjectOf(8192, { cpu: 4, memoryGb: 8 })
  specs?: JsonObject;

  @Optional() @StoredObjectOf(8192, { region: 'eu-central' })
  location?: JsonObject;
}

export class UpdateNodeDto extends PartialType(CreateNodeDto, { skipNullProperties: false }) implements Documented<AiwmNodeUpdate> {}

export class NodeDto implements Documented<AiwmNode> {
  _id!: string;
  name!: string;
  role!: string[];
  isLocal!: boolean;
  @ApiProperty({ type: String, nullable: true })
  vpnIp!: string | null;
  status!: string;
  @ApiProperty({ type: 'object', additionalProperties: true })
  specs!: JsonObject;
  @ApiProperty({ type: 'object', additionalProperties: true })
  location!: JsonObject;
  owner!: OwnerDto;
  createdBy!: string;
  updatedBy!: string;
  createdAt!: string;
  updatedAt!: string;
}

example(CreateNodeDto, { name: 'vps-1', role: ['worker'], vpnIp: '10.8.0.2', specs: { cpu: 4 }, location: { region: 'eu-central' } });
example(UpdateNodeDto, { status: 'maintenance' });
example(NodeDto, { _id: EXAMPLE.NODE, name: 'vps-1', role: ['worker'], isLocal: false, vpnIp: '10.8.0.2', status: 'online', specs: { cpu: 4 }, location: { region: 'eu-central' }, ...EXAMPLE.TENANT });
