import { Types } from 'mongoose';

/** What every document of an organization has, beside its own fields. */
export interface TenantDocument {
  readonly _id: Types.ObjectId;
  readonly orgId: string;
  readonly createdBy: string;
  readonly updatedBy: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly isDeleted: boolean;
  readonly deletedAt: Date | null;
}

export const newId = () => new Types.ObjectId();
