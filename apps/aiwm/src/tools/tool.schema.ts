import { Schema } from 'mongoose';
import type { TenantDocument } from '../tenancy/tenant.schema';

export interface ToolDocument extends TenantDocument {
  readonly name: string;
  readonly type: 'mcp' | 'builtin' | 'custom' | 'api';
  readonly description: string;
  readonly category: string;
  /** JSON text: its keys are the caller's. */
  readonly schema: string;
  readonly status: 'active' | 'inactive' | 'error';
  readonly scope: 'public' | 'org' | 'private';
  readonly transport: 'sse' | 'http' | null;
  readonly endpoint: string | null;
  readonly dockerImage: string | null;
  readonly port: number | null;
  /** Encrypted JSON text of name/value pairs, null when there are none. */
  readonly environment: string | null;
  /** Names of the environment, for reads that redact the values. */
  readonly environmentNames: readonly string[];
  readonly healthEndpoint: string | null;
  readonly tags: readonly string[];
  readonly references: number;
}

export const TOOLS = 'tools';
export const toolSchema = new Schema<ToolDocument>({ orgId: String }, { collection: TOOLS, strict: false, versionKey: false })
  .index({ orgId: 1, isDeleted: 1, createdAt: -1 })
  .index({ scope: 1, isDeleted: 1 });
