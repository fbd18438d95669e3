import { CLUSTER_PRESENCE_STATES, type ClusterPresenceState, type ClusterRegisterPayload, type JsonObject } from '@agentfleet/contracts';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';

const TEXT = { type: String, required: false, nullable: true, maxLength: 253 } as const;
const OBJECT = { type: 'object', additionalProperties: true } as const;
const NULLABLE_OBJECT = { ...OBJECT, nullable: true } as const;

/** What an agent says of its cluster; absent fields keep their stored value, null clears. Checked by the same rules as on the socket. */
export class RegisterClusterDto implements ClusterRegisterPayload {
  /** With the organization it identifies the cluster. */
  @ApiProperty({ type: String, minLength: 1, maxLength: 253 }) agent_id!: string;
  /** Unique in the organization. */
  @ApiProperty({ type: String, minLength: 1, maxLength: 253 }) name!: string;
  @ApiProperty(TEXT) k8s_version?: string | null;
  @ApiProperty(TEXT) hostname?: string | null;
  @ApiProperty(TEXT) agent_version?: string | null;
  @ApiProperty(TEXT) server_ip?: string | null;
  @ApiProperty(TEXT) region?: string | null;
  @ApiProperty(TEXT) cloud_provider?: string | null;
  /** Simple values are kept, lists and objects inside are dropped. */
  @ApiPropertyOptional(NULLABLE_OBJECT) server_specs?: JsonObject | null;
  @ApiPropertyOptional(NULLABLE_OBJECT) tunnel_port_config?: JsonObject | null;
  /** At most 256. */
  @ApiPropertyOptional({ type: 'object', additionalProperties: { type: 'string' }, nullable: true }) labels?: Readonly<Record<string, string>> | null;
  @ApiPropertyOptional(NULLABLE_OBJECT) features?: JsonObject | null;
  @ApiPropertyOptional(NULLABLE_OBJECT) metadata?: JsonObject | null;
  /** A hint only: it never gives the agent that cluster. */
  @ApiProperty({ type: String, required: false, nullable: true }) cluster_id?: string | null;
  /** Secret; stored encrypted, never returned. */
  @ApiProperty({ type: String, required: false, nullable: true, format: 'password' }) k8s_service_token?: string | null;
}

/** All fields are optional; further `prometheus_…`, `loki_…`, `grafana_…`, `opencost_…` fields are taken. */
export class HeartbeatDto {
  @ApiProperty({ type: String, required: false, nullable: true }) agent_id?: string | null;
  /** As the agent calls it; never taken for presence. */
  @ApiProperty({ type: String, required: false, nullable: true, maxLength: 64 }) status?: string | null;
  @ApiProperty({ type: String, required: false, nullable: true, maxLength: 64 }) tunnel_status?: string | null;
  /** At most 128 KiB. */
  @ApiPropertyOptional(NULLABLE_OBJECT) metadata?: JsonObject | null;
  /** Secret; stored encrypted, never returned. */
  @ApiPropertyOptional(NULLABLE_OBJECT) worker_join?: JsonObject | null;
}

class RegisteredFactsDto {
  @ApiProperty({ type: String }) name!: string;
  @ApiProperty({ enum: ['registered'] }) status!: 'registered';
  /** A stable number of the organization. */
  @ApiProperty({ type: 'integer' }) workspace_id!: number;
  @ApiProperty({ type: String, format: 'date-time' }) registered_at!: string;
}

class RegisteredNestedDto extends RegisteredFactsDto {
  @ApiProperty({ type: String, format: 'uuid' }) id!: string;
  @ApiProperty({ type: String, format: 'uuid' }) uuid!: string;
  @ApiProperty({ type: String }) agent_id!: string;
}

class RegisteredDataDto {
  @ApiProperty({ type: String, format: 'uuid' }) cluster_id!: string;
  @ApiProperty({ enum: ['registered'] }) status!: 'registered';
  @ApiProperty({ type: String }) tunnel_url!: string;
  @ApiProperty({ type: String, format: 'date-time' }) registered_at!: string;
}

/** The same facts three times, since agents of different age look for them in different places. */
export class RegisteredClusterDto extends RegisteredFactsDto {
  @ApiProperty({ enum: [true] }) success!: true;
  @ApiProperty({ type: String }) message!: string;
  @ApiProperty({ type: String, format: 'uuid' }) cluster_id!: string;
  @ApiProperty({ type: String, format: 'uuid' }) cluster_uuid!: string;
  @ApiProperty({ type: String }) tunnel_url!: string;
  @ApiProperty({ type: String }) api_server!: string;
  @ApiProperty({ type: RegisteredNestedDto }) cluster!: RegisteredNestedDto;
  @ApiProperty({ type: RegisteredDataDto }) data!: RegisteredDataDto;
}

export class HeartbeatAnswerDto {
  @ApiProperty({ enum: [true] }) success!: true;
  @ApiProperty({ type: String, format: 'uuid' }) cluster_id!: string;
  @ApiProperty({ type: String, format: 'date-time' }) received_at!: string;
}

export class PollAnswerDto {
  @ApiProperty({ type: 'array', items: OBJECT }) commands!: readonly JsonObject[];
  @ApiProperty({ type: 'integer' }) poll_interval_seconds!: number;
  @ApiProperty({ type: String, format: 'date-time' }) server_time!: string;
}

export class TunnelInfoDto {
  @ApiProperty({ enum: [true] }) success!: true;
  @ApiProperty({ type: String, format: 'uuid' }) cluster_id!: string;
  @ApiProperty({ type: String }) agent_id!: string;
  @ApiProperty({ type: String }) tunnel_url!: string;
  @ApiProperty({ type: String }) api_server!: string;
  @ApiProperty({ type: String }) websocket_url!: string;
  @ApiProperty({ enum: CLUSTER_PRESENCE_STATES }) status!: ClusterPresenceState;
  @ApiProperty({ enum: ['connected', 'disconnected'] }) tunnel_status!: 'connected' | 'disconnected';
  @ApiProperty({ type: 'object', additionalProperties: true }) ports!: JsonObject;
  @ApiProperty({ type: 'array', items: OBJECT }) forwards!: readonly JsonObject[];
  @ApiProperty({ type: 'integer' }) poll_frequency!: number;
}
