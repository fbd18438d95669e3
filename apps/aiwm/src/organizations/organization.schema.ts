import { Schema, type Types } from 'mongoose';

export interface OrganizationDocument {
  readonly _id: Types.ObjectId;
  readonly name: string;
  readonly description: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}
export const ORGANIZATIONS = 'Organization';
export const organizationSchema = new Schema<OrganizationDocument>({ name: String }, { collection: 'organizations', strict: false, versionKey: false })
  .index({ name: 1 }, { unique: true });
