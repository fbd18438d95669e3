import {
  AIWM_REPORTED_STATUSES,
  type AiwmConfiguration,
  type AiwmConnectAnswer,
  type AiwmConnectBody,
  type AiwmDelivered,
  type AiwmDeliveredAgent,
  type AiwmDeliveredTool,
  type AiwmDisconnectBody,
  type AiwmHeartbeatAnswer,
  type AiwmHeartbeatBody,
  type AiwmMcpServer,
  type AiwmPresenceHistory,
  type AiwmPresenceTransition,
  type AiwmReportedStatus,
  type JsonObject,
} from '@agentfleet/contracts';
import { ApiProperty } from '@nestjs/swagger';
import type { Documented } from '../api/documented';
import { EXAMPLE, example } from '../api/examples';
import { JsonObjectOf, OneOf, Optional, Text, WholeNumber } from '../api/validation';

export class ConnectDto implements AiwmConnectBody {
  @Text({ min: 1, max: 1024, example: '<the secret of credentials/regenerate>' })
  secret!: string;
}

export class HeartbeatDto implements AiwmHeartbeatBody {
  @OneOf(AIWM_REPORTED_STATUSES)
  status!: AiwmReportedStatus;

  /** Anything about the agent's process, at most 32 KiB as JSON. */
  @Optional() @JsonObjectOf(32_768, { cpu: 12.5, memoryMb: 210 })
  metrics?: JsonObject;

  /** The revision that the agent runs, when it knows. */
  @Optional() @WholeNumber(0, Number.MAX_SAFE_INTEGER)
  configRevision?: number;
}

export class HeartbeatAnswerDto implements Documented<AiwmHeartbeatAnswer> {
  success!: boolean;
  /** Only when the current revision is another than the one that the agent runs. */
  @ApiProperty({ type: 'integer', required: false })
  configRevision?: number;
}

export class DisconnectDto implements AiwmDisconnectBody {
  @Optional() @Text({ max: 200 })
  reason?: string;
}

export class ConnectAgentDto implements AiwmDeliveredAgent {
  id!: string;
  name!: string;
  orgId!: string;
}

class DeliveredDto implements Documented<AiwmDelivered> {
  instruction!: string;
  @ApiProperty({ type: [Object] })
  tools!: readonly Documented<AiwmDeliveredTool>[];
  agent!: ConnectAgentDto;
  @ApiProperty({ type: 'object', additionalProperties: true })
  settings!: JsonObject;
  @ApiProperty({ type: 'object', additionalProperties: true, selfRequired: false })
  mcpServers?: Readonly<Record<string, AiwmMcpServer>>;
}

export class ConfigurationDto extends DeliveredDto implements Documented<AiwmConfiguration> {
  @ApiProperty({ type: 'integer', example: 7 })
  configRevision!: number;
}

export class ConnectAnswerDto extends DeliveredDto implements Documented<AiwmConnectAnswer> {
  token!: string;
  accessToken!: string;
  @ApiProperty({ type: 'integer', example: 86_400 })
  expiresIn!: number;
  @ApiProperty({ enum: ['bearer'] })
  tokenType!: 'bearer';
  @ApiProperty({ type: String, nullable: true, example: null })
  refreshToken!: null;
  @ApiProperty({ type: 'integer', example: 0 })
  refreshExpiresIn!: number;
}

export class PresenceTransitionDto implements Documented<AiwmPresenceTransition> {
  /** @example "online" */
  from!: string;
  /** @example "stale" */
  to!: string;
  /** @example "heartbeat_late" */
  reason!: string;
  @ApiProperty({ type: String, nullable: true })
  detail!: string | null;
  at!: string;
}
export class PresenceHistoryDto implements Documented<AiwmPresenceHistory> {
  data!: PresenceTransitionDto[];
}

const schema = { inputSchema: { type: 'object', properties: { path: { type: 'string' } } }, outputSchema: { type: 'object' } };
const settings = { claudeModel: 'claude-3-5-haiku-latest', maxTurns: 100, discord: { token: '…', channelIds: ['123'] } };
const configuration = {
  instruction: 'You are a helpful AI assistant.\n\n## Guidelines\n1. Be polite\n2. Be accurate',
  tools: [{ _id: EXAMPLE.TOOL, name: 'read-file', type: 'builtin' as const, description: 'Reads a file of the workspace', category: 'productivity', schema, status: 'active' }],
  agent: { id: EXAMPLE.AGENT, name: 'My Agent', orgId: EXAMPLE.ORG },
  settings,
};
example(ConnectDto, { secret: EXAMPLE.SECRET });
example(ConnectAnswerDto, { token: EXAMPLE.TOKEN, accessToken: EXAMPLE.TOKEN, expiresIn: 86_400, tokenType: 'bearer', refreshToken: null, refreshExpiresIn: 0, ...configuration });
example(ConfigurationDto, { configRevision: 7, ...configuration, settings: { ...settings, discord: { token: '[redacted]', channelIds: ['123'] } } });
example(HeartbeatDto, { status: 'busy', metrics: { cpu: 12.5, memoryMb: 210 }, configRevision: 6 });
example(HeartbeatAnswerDto, { success: true, configRevision: 7 });
example(DisconnectDto, { reason: 'shutdown' });
example(PresenceHistoryDto, { data: [{ from: 'online', to: 'stale', reason: 'heartbeat_late', detail: null, at: EXAMPLE.NOW }] });
