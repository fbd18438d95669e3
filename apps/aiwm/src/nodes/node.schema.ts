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

export const NODES = 'Node';
export const nodeSchema = new Schema<NodeDocument>({ orgId: String }, { collection: 'nodes', strict: false, versionKey: false })
  .index({ orgId: 1, isDeleted: 1, createdAt: -1 });
