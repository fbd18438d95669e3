import type { JsonObject } from '../platform/json';
import type { AiwmTenantFields } from './tenant';

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
