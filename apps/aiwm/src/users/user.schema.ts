import { Schema, type Types } from 'mongoose';

export interface UserDocument {
  readonly _id: Types.ObjectId;
  readonly orgId: string;
  /** E-mail address, lower case. */
  readonly username: string;
  readonly fullname: string;
  readonly status: 'active' | 'suspended';
  readonly roles: readonly string[];
  readonly passwordHash: string;
  /** Absent in records of earlier versions until the next change. */
  readonly passwordSetAt?: Date;
  readonly tokenVersion: number;
  readonly isDeleted: boolean;
  readonly deletedAt: Date | null;
  readonly createdBy: string;
  readonly updatedBy: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}
export const USERS = 'users';
export const userSchema = new Schema<UserDocument>({ username: String }, { collection: USERS, strict: false, versionKey: false })
  .index({ username: 1 }, { unique: true, partialFilterExpression: { isDeleted: false } })
  .index({ orgId: 1, isDeleted: 1, createdAt: -1 });
