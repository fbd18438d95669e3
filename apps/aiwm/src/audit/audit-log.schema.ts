import { Schema } from 'mongoose';

/** Only for its indexes: every app writes it, through the platform. */
export const AUDIT_LOG = 'AuditRecord';
export const auditLogSchema = new Schema({ orgId: String }, { collection: 'audit_log', strict: false, versionKey: false })
  .index({ orgId: 1, at: -1 })
  .index({ at: 1 });
