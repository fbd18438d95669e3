import {
  CLUSTER_PRESENCE_STATES,
  type ClusterEventView,
  type ClusterIntegrationView,
  type ClusterListItem,
  type ClusterPresenceState,
  type ClusterPresenceView,
  type ClusterTransport,
  type ClusterView,
  type JsonObject,
} from '@agentfleet/contracts';
import { ApiExtraModels, ApiProperty, OmitType, getSchemaPath } from '@nestjs/swagger';

const TIME = { type: String, format: 'date-time' } as const;
const NULLABLE_TIME = { ...TIME, nullable: true } as const;
const TEXT = { type: String, nullable: true } as const;
const OBJECT = { type: 'object', additionalProperties: true } as const;
const NULLABLE_OBJECT = { ...OBJECT, nullable: true } as const;

class PresenceDto implements ClusterPresenceView {
  @ApiProperty({ enum: CLUSTER_PRESENCE_STATES }) state!: ClusterPresenceState;
  @ApiProperty(TEXT) reason!: string | null;
  @ApiProperty(TIME) since!: string;
  @ApiProperty(NULLABLE_TIME) last_seen_at!: string | null;
}

class ConnectionDto {
  @ApiProperty(TIME) connected_at!: string;
  @ApiProperty({ type: String }) remote_address!: string;
  /** Grows with every connection that takes the cluster over. */
  @ApiProperty({ type: 'integer' }) epoch!: number;
  @ApiProperty({ type: String }) replica_id!: string;
  @ApiProperty({ type: String }) key_id!: string;
}

class ReportedItemDto {
  @ApiProperty(TEXT) status!: string | null;
  @ApiProperty(TEXT) tunnel_status!: string | null;
  @ApiProperty(NULLABLE_TIME) at!: string | null;
}

class ReportedDto extends ReportedItemDto {
  @ApiProperty(NULLABLE_OBJECT) metadata!: JsonObject | null;
}

export class ClusterListItemDto implements ClusterListItem {
  @ApiProperty({ type: String, format: 'uuid' }) cluster_id!: string;
  @ApiProperty({ type: String }) agent_id!: string;
  @ApiProperty({ type: String }) name!: string;
  @ApiProperty({ type: PresenceDto }) presence!: PresenceDto;
  @ApiProperty({ enum: ['websocket', 'http'], nullable: true }) transport!: ClusterTransport | null;
  @ApiProperty({ type: ConnectionDto, nullable: true }) connection!: ConnectionDto | null;
  @ApiProperty(TEXT) k8s_version!: string | null;
  @ApiProperty(TEXT) hostname!: string | null;
  @ApiProperty(TEXT) agent_version!: string | null;
  @ApiProperty(TEXT) server_ip!: string | null;
  @ApiProperty(TEXT) region!: string | null;
  @ApiProperty(TEXT) cloud_provider!: string | null;
  @ApiProperty(NULLABLE_OBJECT) server_specs!: JsonObject | null;
  @ApiProperty(NULLABLE_OBJECT) tunnel_port_config!: JsonObject | null;
  @ApiProperty({ type: 'object', additionalProperties: { type: 'string' } }) labels!: Readonly<Record<string, string>>;
  @ApiProperty(OBJECT) features!: JsonObject;
  @ApiProperty({ type: ReportedItemDto }) reported!: ReportedItemDto;
  @ApiProperty({ type: Boolean }) has_service_token!: boolean;
  @ApiProperty({ type: String }) tunnel_url!: string;
  /** Such as `duplicate_agent`: two machines use one agent_id. */
  @ApiProperty({ type: [String] }) conditions!: readonly string[];
  @ApiProperty(TIME) registered_at!: string;
  @ApiProperty(TIME) updated_at!: string;
  @ApiProperty({ type: 'integer' }) workspace_id!: number;
}

class IntegrationDto implements ClusterIntegrationView {
  @ApiProperty(TEXT) url!: string | null;
  @ApiProperty(TEXT) username!: string | null;
  @ApiProperty({ type: Boolean }) has_password!: boolean;
}

@ApiExtraModels(IntegrationDto)
export class ClusterDto extends OmitType(ClusterListItemDto, ['reported']) implements ClusterView {
  @ApiProperty({ type: ReportedDto }) reported!: ReportedDto;
  @ApiProperty(NULLABLE_OBJECT) metadata!: JsonObject | null;
  /** By name: prometheus, loki, grafana, opencost. */
  @ApiProperty({ type: 'object', additionalProperties: { $ref: getSchemaPath(IntegrationDto) } }) integrations!: Readonly<Record<string, IntegrationDto>>;
}

class PageDto {
  @ApiProperty({ type: 'integer' }) page!: number;
  @ApiProperty({ type: 'integer' }) limit!: number;
  @ApiProperty({ type: 'integer' }) total!: number;
}

export class ClusterListDto {
  @ApiProperty({ type: [ClusterListItemDto] }) data!: readonly ClusterListItemDto[];
  @ApiProperty({ type: PageDto }) pagination!: PageDto;
}

class ClusterEventDto implements ClusterEventView {
  @ApiProperty({ type: 'integer' }) seq!: number;
  @ApiProperty(TIME) at!: string;
  @ApiProperty({ type: String }) kind!: string;
  @ApiProperty(TEXT) from!: string | null;
  @ApiProperty(TEXT) to!: string | null;
  @ApiProperty(TEXT) reason!: string | null;
  @ApiProperty({ type: 'integer', nullable: true }) close_code!: number | null;
  @ApiProperty(TEXT) replica_id!: string | null;
  @ApiProperty({ type: 'integer' }) epoch!: number;
  @ApiProperty(TEXT) remote_address!: string | null;
}

export class ClusterEventListDto {
  @ApiProperty({ type: [ClusterEventDto] }) data!: readonly ClusterEventDto[];
}
