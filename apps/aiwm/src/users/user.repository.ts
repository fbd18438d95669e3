import { AppError } from '@agentfleet/errors';
import { isDuplicateKey, type Transaction } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { InjectModel } from '@nestjs/mongoose';
import { Types, type Model } from 'mongoose';
import type { TenantScope } from '../tenancy/tenant';
import { TenantCollection, type DocumentChange } from '../tenancy/tenant-collection.repository';
import { USERS, type UserDocument } from './user.schema';

const nameTaken = () => new AppError('conflict', { message: 'A user with this username exists already' });

@Injectable()
export class UserRepository {
  readonly documents: TenantCollection<UserDocument>;

  constructor(@InjectModel(USERS) private readonly users: Model<UserDocument>) {
    this.documents = new TenantCollection(users);
  }

  /** @throws AppError `conflict` when the username is taken, in whatever organization */
  async insert(user: UserDocument, transaction: Transaction): Promise<void> {
    try {
      await this.documents.insert(user, transaction);
    } catch (error) {
      throw isDuplicateKey(error) ? nameTaken() : error;
    }
  }

  /** @throws AppError `conflict` when the new username is taken */
  async change(scope: TenantScope, id: string, change: DocumentChange<UserDocument>, transaction: Transaction): Promise<UserDocument | undefined> {
    try {
      return await this.documents.change(scope, id, change, transaction);
    } catch (error) {
      throw isDuplicateKey(error) ? nameTaken() : error;
    }
  }

  async byName(username: string): Promise<UserDocument | undefined> {
    const found = await this.users.collection.findOne({ username: username.toLowerCase(), isDeleted: false });
    return (found as UserDocument | null) ?? undefined; // the collection holds nothing else
  }

  async byId(id: string): Promise<UserDocument | undefined> {
    const found = await this.users.collection.findOne({ _id: new Types.ObjectId(id), isDeleted: false });
    return (found as UserDocument | null) ?? undefined; // the collection holds nothing else
  }

  async isEmpty(): Promise<boolean> {
    return (await this.users.collection.findOne({}, { projection: { _id: 1 } })) === null;
  }

  /** For the first user of all; false when another replica made it first. */
  async insertFirst(user: UserDocument): Promise<boolean> {
    try {
      await this.users.collection.insertOne(user);
      return true;
    } catch (error) {
      if (isDuplicateKey(error)) return false;
      throw error;
    }
  }

  /** Sets the password and ends all tokens; undefined when the user is not there. */
  async setPassword(id: string, passwordHash: string, at: Date, transaction: Transaction): Promise<UserDocument | undefined> {
    const update = { $set: { passwordHash, passwordSetAt: at, updatedAt: at, status: 'active' }, $inc: { tokenVersion: 1 } };
    const options = { session: transaction.session, returnDocument: 'after' as const };
    const found = await this.users.collection.findOneAndUpdate({ _id: new Types.ObjectId(id), isDeleted: false }, update, options);
    return (found as UserDocument | null) ?? undefined; // the collection holds nothing else
  }

  /** Active owners beside this one: of everything, or of its organization. */
  async countOtherOwners(user: UserDocument, kind: 'universe' | 'organization', transaction: Transaction): Promise<number> {
    const owners = kind === 'universe' ? { roles: 'universe.owner' } : { orgId: user.orgId, roles: { $in: ['organization.owner', 'universe.owner'] } };
    return this.users.collection.countDocuments({ ...owners, _id: { $ne: user._id }, status: 'active', isDeleted: false }, { session: transaction.session });
  }
}
