export const VPS_PROTOCOLS = ['http', 'https'] as const;
export type VpsProtocol = (typeof VPS_PROTOCOLS)[number];

export const VPS_APIS = ['messages', 'openai'] as const;
export type VpsApi = (typeof VPS_APIS)[number];

/** Body of `POST /api/vps/register`. */
export interface VpsRegisterBody {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly protocol?: VpsProtocol;
  readonly auth_token?: string | null;
  readonly timeout_seconds?: number;
  readonly max_retries?: number;
  readonly fallback_agents?: readonly string[];
  readonly api?: VpsApi;
  readonly model?: string | null;
  readonly streaming?: boolean;
  readonly retry_on?: readonly string[] | null;
  readonly fallback_on?: readonly string[] | null;
}

export interface VpsRegistered {
  readonly status: 'registered';
  readonly agent_name: string;
  readonly url: string;
  /** False when an agent of this name was replaced. */
  readonly created: boolean;
  readonly fallback_agents: readonly string[];
  /** Only when there are some: settings that the replaced agent had and that this registration does not name. */
  readonly dropped?: readonly string[];
}

export interface VpsAgentItem {
  readonly name: string;
  readonly host: string | null;
  readonly port: number | null;
  readonly protocol: VpsProtocol | null;
  readonly url: string;
}

export interface VpsAgentList {
  readonly total: number;
  readonly agents: readonly VpsAgentItem[];
}

export interface VpsAgentView extends VpsAgentItem {
  readonly timeout_seconds: number;
  readonly max_retries: number;
  readonly fallback_agents: readonly string[];
  readonly api: VpsApi;
  readonly model: string;
  readonly streaming: boolean;
  readonly retry_on: readonly string[] | null;
  readonly fallback_on: readonly string[] | null;
  readonly has_auth_token: boolean;
  readonly cluster_id: string | null;
  readonly service: string | null;
  readonly path_prefix: string;
  readonly created_at: string;
  readonly updated_at: string;
}
