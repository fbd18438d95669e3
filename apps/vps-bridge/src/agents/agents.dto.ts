import type { VpsAgentItem, VpsAgentList, VpsAgentView, VpsApi, VpsProtocol, VpsRegisterBody, VpsRegistered } from '@agentfleet/contracts';
import { VPS_APIS, VPS_PROTOCOLS } from '@agentfleet/contracts';
import { ApiProperty } from '@nestjs/swagger';

/** Documents the body of POST /register; `parseVpsRegistration` checks it. */
export class RegisterAgentDto implements VpsRegisterBody {
  /** @example pm-agent */
  @ApiProperty({ type: String, pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$' }) name!: string;
  /** A host name or an IP address. */
  @ApiProperty({ type: String }) host!: string;
  @ApiProperty({ type: 'integer', minimum: 1, maximum: 65535 }) port!: number;
  @ApiProperty({ enum: VPS_PROTOCOLS, required: false, default: 'http' }) protocol?: VpsProtocol;
  /** Sent to the agent as a bearer token; stored encrypted, never returned. */
  @ApiProperty({ type: String, required: false, nullable: true, maxLength: 4096 }) auth_token?: string | null;
  /** One attempt, whole exchange. */
  @ApiProperty({ type: 'integer', required: false, minimum: 1, maximum: 600, default: 30 }) timeout_seconds?: number;
  /** Total attempts on this agent per call. */
  @ApiProperty({ type: 'integer', required: false, minimum: 1, maximum: 10, default: 3 }) max_retries?: number;
  @ApiProperty({ type: [String], required: false, maxItems: 16, default: [] }) fallback_agents?: string[];
  @ApiProperty({ enum: VPS_APIS, required: false, default: 'messages' }) api?: VpsApi;
  /** Default: the agent's name. */
  @ApiProperty({ type: String, required: false, nullable: true, maxLength: 256 }) model?: string | null;
  @ApiProperty({ type: Boolean, required: false, default: false }) streaming?: boolean;
  @ApiProperty({ type: [String], required: false, nullable: true, maxItems: 20 }) retry_on?: string[] | null;
  @ApiProperty({ type: [String], required: false, nullable: true, maxItems: 20 }) fallback_on?: string[] | null;
}

export class RegisteredDto implements VpsRegistered {
  @ApiProperty({ enum: ['registered'] }) status!: 'registered';
  @ApiProperty({ type: String }) agent_name!: string;
  @ApiProperty({ type: String }) url!: string;
  @ApiProperty({ type: Boolean }) created!: boolean;
  @ApiProperty({ type: [String] }) fallback_agents!: readonly string[];
  /** Only when there are some: settings that the agent had, and that are back to their defaults because this registration does not name them. */
  @ApiProperty({ type: [String], required: false }) dropped?: readonly string[];
}

export class AgentItemDto implements VpsAgentItem {
  @ApiProperty({ type: String }) name!: string;
  @ApiProperty({ type: String, nullable: true }) host!: string | null;
  @ApiProperty({ type: 'integer', nullable: true }) port!: number | null;
  @ApiProperty({ enum: VPS_PROTOCOLS, nullable: true }) protocol!: VpsProtocol | null;
  @ApiProperty({ type: String }) url!: string;
}

export class AgentListDto implements VpsAgentList {
  @ApiProperty({ type: 'integer' }) total!: number;
  @ApiProperty({ type: [AgentItemDto] }) agents!: readonly AgentItemDto[];
}

export class AgentDto extends AgentItemDto implements VpsAgentView {
  @ApiProperty({ type: 'integer' }) timeout_seconds!: number;
  @ApiProperty({ type: 'integer' }) max_retries!: number;
  @ApiProperty({ type: [String] }) fallback_agents!: readonly string[];
  @ApiProperty({ enum: VPS_APIS }) api!: VpsApi;
  @ApiProperty({ type: String }) model!: string;
  @ApiProperty({ type: Boolean }) streaming!: boolean;
  @ApiProperty({ type: [String], nullable: true }) retry_on!: readonly string[] | null;
  @ApiProperty({ type: [String], nullable: true }) fallback_on!: readonly string[] | null;
  @ApiProperty({ type: Boolean }) has_auth_token!: boolean;
  @ApiProperty({ type: String, nullable: true }) cluster_id!: string | null;
  @ApiProperty({ type: String, nullable: true }) service!: string | null;
  @ApiProperty({ type: String }) path_prefix!: string;
  @ApiProperty({ type: String }) created_at!: string;
  @ApiProperty({ type: String }) updated_at!: string;
}
