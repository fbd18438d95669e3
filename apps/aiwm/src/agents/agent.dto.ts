import {
  AIWM_AGENT_STATUSES,
  AIWM_AGENT_TYPES,
  AIWM_CONNECTION_STATUSES,
  type AiwmAgent,
  type AiwmAgentCreate,
  type AiwmAgentCredentials,
  type AiwmAgentStatus,
  type AiwmAgentType,
  type AiwmAgentUpdate,
  type AiwmInstruction,
  type AiwmPresence,
  type AiwmRegenerateBody,
  type AiwmRegenerated,
  type JsonObject,
} from '@agentfleet/contracts';
import { ApiProperty, OmitType, PartialType } from '@nestjs/swagger';
import type { Documented } from '../api/documented';
import { EXAMPLE, example } from '../api/examples';
import { OwnerDto } from '../api/page.dto';
import { Check, JsonObjectOf, ObjectIdList, ObjectIdOrNull, OneOf, Optional, Text, TextList, WellFormed, WholeNumber } from '../api/validation';

const EXAMPLE_SETTINGS = { claudeModel: 'claude-3-5-haiku-latest', maxTurns: 100, discord: { token: '[redacted]', channelIds: ['123'] } };

const secretFits = (value: unknown) => typeof value === 'string' && Buffer.byteLength(value) >= 16 && Buffer.byteLength(value) <= 72;

export class CreateAgentDto implements AiwmAgentCreate {
  @Text({ min: 1, max: 200, controlCharacters: false, example: 'My Agent' })
  name!: string;

  @Optional() @Text({ max: 2000 })
  description?: string;

  @Optional() @OneOf(AIWM_AGENT_STATUSES)
  status?: AiwmAgentStatus;

  @Optional() @OneOf(AIWM_AGENT_TYPES)
  type?: AiwmAgentType;

  @Optional() @ObjectIdOrNull()
  instructionId?: string | null;

  @Optional() @ObjectIdOrNull()
  nodeId?: string | null;

  @Optional() @ObjectIdList(200)
  allowedToolIds?: string[];

  @Optional() @TextList({ maxItems: 50, maxLength: 100 })
  tags?: string[];

  @Optional() @JsonObjectOf(65_536, EXAMPLE_SETTINGS)
  settings?: JsonObject;

  /** Absent: no credential until POST /agents/{id}/credentials/regenerate. */
  @Optional() @Check('secret', 'must be a string of 16 to 72 bytes', secretFits) @WellFormed()
  secret?: string;
}

export class UpdateAgentDto extends PartialType(OmitType(CreateAgentDto, ['secret']), { skipNullProperties: false }) implements AiwmAgentUpdate {
  @Check('noSecret', 'cannot be set here; use POST /agents/{id}/credentials/regenerate', (value) => value === undefined)
  @ApiProperty({ required: false, description: 'Refused: use credentials/regenerate' })
  secret?: string;
}

export class PresenceDto implements Documented<AiwmPresence> {
  @ApiProperty({ enum: [...AIWM_CONNECTION_STATUSES] })
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

export class CredentialsDto implements AiwmAgentCredentials {
  @ApiProperty({ type: String, nullable: true })
  issuedAt!: string | null;
  @ApiProperty({ type: String, nullable: true })
  lastUsedAt!: string | null;
  @ApiProperty({ type: String, nullable: true })
  previousExpiresAt!: string | null;
  @ApiProperty({ type: String, nullable: true })
  previousLastUsedAt!: string | null;
}

export class AgentDto implements Documented<AiwmAgent> {
  _id!: string;
  name!: string;
  description!: string;
  status!: string;
  type!: string;
  /** Id; the whole document with `populate=instruction`. */
  @ApiProperty({ type: String, nullable: true })
  instructionId!: string | Documented<AiwmInstruction> | null;
  @ApiProperty({ type: String, nullable: true })
  nodeId!: string | null;
  allowedToolIds!: string[];
  tags!: string[];
  @ApiProperty({ type: 'object', additionalProperties: true, example: EXAMPLE_SETTINGS })
  settings!: JsonObject;
  connectionStatus!: string;
  presence!: PresenceDto;
  @ApiProperty({ type: 'integer' })
  connectionCount!: number;
  @ApiProperty({ type: String, nullable: true })
  lastConnectedAt!: string | null;
  @ApiProperty({ type: String, nullable: true })
  lastHeartbeatAt!: string | null;
  @ApiProperty({ type: 'object', nullable: true, additionalProperties: true })
  metrics!: AiwmAgent['metrics'];
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

export class RegenerateDto implements AiwmRegenerateBody {
  /** How long the old secret and its tokens go on working, in seconds. */
  @Optional() @WholeNumber(0, 90 * 86_400)
  overlapSeconds?: number;
}

export class RegeneratedDto implements AiwmRegenerated {
  agentId!: string;
  /** 64 hex digits; shown only here. */
  secret!: string;
  envConfig!: string;
  installScript!: string;
  @ApiProperty({ required: false })
  previousSecretExpiresAt?: string;
}

const settings = { claudeModel: 'claude-3-5-haiku-latest', maxTurns: 100, discord: { token: '…', channelIds: ['123'] } };
const redacted = { ...settings, discord: { token: '[redacted]', channelIds: ['123'] } };
example(CreateAgentDto, { name: 'My Agent', tags: ['support'], settings }); // no ids: on a fresh stack nothing could be referred to
example(UpdateAgentDto, { status: 'suspended' });
example(AgentDto, {
  _id: EXAMPLE.AGENT,
  name: 'My Agent',
  description: '',
  status: 'active',
  type: 'autonomous',
  instructionId: EXAMPLE.INSTRUCTION,
  nodeId: EXAMPLE.NODE,
  allowedToolIds: [EXAMPLE.TOOL],
  tags: ['support'],
  settings: redacted,
  connectionStatus: 'online',
  presence: { status: 'online', since: EXAMPLE.NOW, reason: 'heartbeat', detail: null, lastHeartbeatAt: EXAMPLE.NOW, nextExpectedAt: '2026-03-01T10:01:00.000Z' },
  connectionCount: 3,
  lastConnectedAt: EXAMPLE.EARLIER,
  lastHeartbeatAt: EXAMPLE.NOW,
  metrics: { cpu: 12.5 },
  metricsAt: EXAMPLE.NOW,
  configRevision: 7,
  credentials: { issuedAt: EXAMPLE.EARLIER, lastUsedAt: EXAMPLE.EARLIER, previousExpiresAt: null, previousLastUsedAt: null },
  ...EXAMPLE.TENANT,
});
example(RegenerateDto, { overlapSeconds: 86_400 });
example(RegeneratedDto, {
  agentId: EXAMPLE.AGENT,
  secret: EXAMPLE.SECRET,
  envConfig: `# ===== AIWM Integration =====\nAIWM_ENABLED=true\nAIWM_BASE_URL=https://aiwm.example.org\nAIWM_AGENT_ID=${EXAMPLE.AGENT}\nAIWM_AGENT_SECRET=${EXAMPLE.SECRET}\n…`,
  installScript: '#!/bin/bash\nset -euo pipefail\n…',
  previousSecretExpiresAt: EXAMPLE.LATER,
});
