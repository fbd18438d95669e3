import { Schema } from 'mongoose';
import type { TenantDocument } from '../tenancy/tenant.schema';

export interface NodeDocument extends TenantDocument {
  readonly name: string;
  readonly role: readonly string[];
  readonly isLocal: boolean;
  readonly vpnIp: string | null;
  readonly status: string;
  /** JSON text, so that its keys never meet MongoDB. */
  readonly specs: string;
  readonly location: string;
  readonly references: number;
}

export const NODES = 'nodes';
export const nodeSchema = new Schema<NodeDocument>({ orgId: String }, { collection: NODES, strict: false, versionKey: false })
  .index({ orgId: 1, isDeleted: 1, createdAt: -1 });
