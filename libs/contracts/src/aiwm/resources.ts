import type { JsonObject } from '../platform/json';

export interface AiwmOwner {
  /** An organization. */
  readonly orgId: string;
}

/** The fields that every document of an organization ends with; `createdBy` and `updatedBy` name a user or a key. */
export interface AiwmTenantFields {
  readonly owner: AiwmOwner;
  readonly createdBy: string;
  readonly updatedBy: string;
  readonly createdAt: string;
  readonly updatedAt: string;
}

export const AIWM_INSTRUCTION_STATUSES = ['active', 'inactive'] as const;
export type AiwmInstructionStatus = (typeof AIWM_INSTRUCTION_STATUSES)[number];

/** Body of `POST /instructions`. */
export interface AiwmInstructionCreate {
  readonly name: string;
  readonly systemPrompt: string;
  readonly description?: string;
  readonly guidelines?: readonly string[];
  readonly tags?: readonly string[];
  readonly status?: AiwmInstructionStatus;
}
export type AiwmInstructionUpdate = Partial<AiwmInstructionCreate>;
export interface AiwmInstruction extends AiwmTenantFields, Required<AiwmInstructionCreate> {
  readonly _id: string;
}

export const AIWM_TOOL_TYPES = ['mcp', 'builtin', 'custom', 'api'] as const;
export type AiwmToolType = (typeof AIWM_TOOL_TYPES)[number];
export const AIWM_TOOL_CATEGORIES = ['productivity', 'data', 'system', 'communication'] as const;
export type AiwmToolCategory = (typeof AIWM_TOOL_CATEGORIES)[number];
export const AIWM_TOOL_STATUSES = ['active', 'inactive', 'error'] as const;
export type AiwmToolStatus = (typeof AIWM_TOOL_STATUSES)[number];
export const AIWM_TOOL_SCOPES = ['public', 'org', 'private'] as const;
export type AiwmToolScope = (typeof AIWM_TOOL_SCOPES)[number];
export const AIWM_TOOL_TRANSPORTS = ['sse', 'http'] as const;
export type AiwmToolTransport = (typeof AIWM_TOOL_TRANSPORTS)[number];

/** JSON schemas of a tool's input and output. */
export interface AiwmToolSchema extends JsonObject {
  readonly inputSchema: JsonObject;
  readonly outputSchema: JsonObject;
}

/** Body of `POST /tools`. */
export interface AiwmToolCreate {
  readonly name: string;
  /** Fixed after creation. */
  readonly type: AiwmToolType;
  readonly description: string;
  readonly category: AiwmToolCategory;
  readonly schema: AiwmToolSchema;
  readonly status?: AiwmToolStatus;
  readonly scope?: AiwmToolScope;
  readonly tags?: readonly string[];
  /** The next four are required for `mcp`. */
  readonly transport?: AiwmToolTransport;
  readonly endpoint?: string;
  readonly dockerImage?: string;
  readonly port?: number;
  /** Secret; `"[redacted]"` as a value keeps the stored one. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly healthEndpoint?: string;
}
export type AiwmToolUpdate = Partial<AiwmToolCreate>;

export interface AiwmTool extends AiwmTenantFields {
  readonly _id: string;
  readonly name: string;
  readonly type: AiwmToolType;
  readonly description: string;
  readonly category: AiwmToolCategory;
  readonly schema: AiwmToolSchema;
  readonly status: AiwmToolStatus;
  readonly scope: AiwmToolScope;
  readonly tags: readonly string[];
  readonly transport: AiwmToolTransport | null;
  readonly endpoint: string | null;
  readonly dockerImage: string | null;
  readonly port: number | null;
  /** Every value reads `"[redacted]"`. */
  readonly environment: Readonly<Record<string, string>>;
  readonly healthEndpoint: string | null;
}

export const AIWM_NODE_ROLES = ['controller', 'worker', 'proxy', 'storage'] as const;
export type AiwmNodeRole = (typeof AIWM_NODE_ROLES)[number];
export const AIWM_NODE_STATUSES = ['pending', 'installing', 'online', 'offline', 'maintenance'] as const;
export type AiwmNodeStatus = (typeof AIWM_NODE_STATUSES)[number];

/** Body of `POST /nodes`. */
export interface AiwmNodeCreate {
  readonly name: string;
  readonly role: readonly AiwmNodeRole[];
  readonly isLocal?: boolean;
  readonly vpnIp?: string;
  readonly status?: AiwmNodeStatus;
  readonly specs?: JsonObject;
  readonly location?: JsonObject;
}
export type AiwmNodeUpdate = Partial<AiwmNodeCreate>;

export interface AiwmNode extends AiwmTenantFields {
  readonly _id: string;
  readonly name: string;
  readonly role: readonly AiwmNodeRole[];
  readonly isLocal: boolean;
  readonly vpnIp: string | null;
  readonly status: AiwmNodeStatus;
  readonly specs: JsonObject;
  readonly location: JsonObject;
}
