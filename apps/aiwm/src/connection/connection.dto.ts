import { ApiProperty } from '@nestjs/swagger';
import { JsonObjectOf, OneOf, Optional, Text, WholeNumber } from '../resources/validation';

export class ConnectDto {
  @Text({ min: 1, max: 1024, example: '<the secret of credentials/regenerate>' })
  secret!: string;
}

export class HeartbeatDto {
  @OneOf(['online', 'busy', 'idle'])
  status!: 'online' | 'busy' | 'idle';

  /** Anything about the agent's process, at most 32 KiB as JSON. */
  @Optional() @JsonObjectOf(32_768, { cpu: 12.5, memoryMb: 210 })
  metrics?: Record<string, unknown>;

  /** The revision that the agent runs, when it knows. */
  @Optional() @WholeNumber(0, Number.MAX_SAFE_INTEGER)
  configRevision?: number;
}

export class HeartbeatAnswerDto {
  success!: boolean;
  /** Only when the current revision is another than the one that the agent runs. */
  @ApiProperty({ type: 'integer', required: false })
  configRevision?: number;
}

export class DisconnectDto {
  @Optional() @Text({ max: 200 })
  reason?: string;
}

export class ConnectAgentDto {
  id!: string;
  name!: string;
  orgId!: string;
}

export class ConfigurationDto {
  instruction!: string;
  @ApiProperty({ type: [Object] })
  tools!: readonly object[];
  agent!: ConnectAgentDto;
  @ApiProperty({ type: 'object', additionalProperties: true })
  settings!: object;
  @ApiProperty({ type: 'object', additionalProperties: true, selfRequired: false })
  mcpServers?: object;
}

export class ConnectAnswerDto extends ConfigurationDto {
  token!: string;
  accessToken!: string;
  @ApiProperty({ type: 'integer', example: 86_400 })
  expiresIn!: number;
  @ApiProperty({ enum: ['bearer'] })
  tokenType!: string;
  @ApiProperty({ type: String, nullable: true, example: null })
  refreshToken!: null;
  @ApiProperty({ type: 'integer', example: 0 })
  refreshExpiresIn!: number;
}

export class PresenceTransitionDto {
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
export class PresenceHistoryDto {
  data!: PresenceTransitionDto[];
}
