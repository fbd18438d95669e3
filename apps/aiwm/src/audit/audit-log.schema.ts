import { Schema } from 'mongoose';

/** Only for its indexes: every app writes it, through the platform. */
export const AUDIT_LOG = 'audit_log';
export const auditLogSchema = new Schema({ orgId: String }, { collection: AUDIT_LOG, strict: false, versionKey: false })
  .index({ orgId: 1, at: -1 })
  .index({ at: 1 });
