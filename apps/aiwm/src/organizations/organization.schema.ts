import { Schema, type Types } from 'mongoose';

export interface OrganizationDocument {
  readonly _id: Types.ObjectId;
  readonly name: string;
  readonly description: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}
export const ORGANIZATIONS = 'organizations';
export const organizationSchema = new Schema<OrganizationDocument>({ name: String }, { collection: ORGANIZATIONS, strict: false, versionKey: false })
  .index({ name: 1 }, { unique: true });
