import { AppError } from '@agentfleet/errors';
import { collection, isDuplicateKey, type Transaction } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { InjectConnection } from '@nestjs/mongoose';
import { Types, type Connection } from 'mongoose';
import type { TenantScope } from '../tenancy/tenant';
import { TenantCollection, type DocumentChange } from '../tenancy/tenant-collection.repository';
import { USERS, type UserDocument } from './user.schema';

const nameTaken = () => new AppError('conflict', { message: 'A user with this username exists already' });

@Injectable()
export class UserRepository {
  readonly documents: TenantCollection<UserDocument>;

  constructor(@InjectConnection() private readonly connection: Connection) {
    this.documents = new TenantCollection(connection, USERS);
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
  async change(scope: TenantScope, id: string, change: DocumentChange<UserDocument>, transaction: Transaction): Promise<UserDocument> {
    try {
      return await this.documents.change(scope, id, change, transaction);
    } catch (error) {
      throw isDuplicateKey(error) ? nameTaken() : error;
    }
  }

  async byName(username: string): Promise<UserDocument | undefined> {
    return (await this.users.findOne({ username: username.toLowerCase(), isDeleted: false })) ?? undefined;
  }

  async byId(id: string): Promise<UserDocument | undefined> {
    return (await this.users.findOne({ _id: new Types.ObjectId(id), isDeleted: false })) ?? undefined;
  }

  async isEmpty(): Promise<boolean> {
    return (await this.users.findOne({}, { projection: { _id: 1 } })) === null;
  }

  /** For the first user of all; false when another replica made it first. */
  async insertFirst(user: UserDocument): Promise<boolean> {
    try {
      await this.users.insertOne(user);
      return true;
    } catch (error) {
      if (isDuplicateKey(error)) return false;
      throw error;
    }
  }

  /** Sets the password and ends all tokens; undefined when the user is not there. */
  async setPassword(id: string, passwordHash: string, at: Date, transaction: Transaction): Promise<UserDocument | undefined> {
    const update = { $set: { passwordHash, passwordSetAt: at, updatedAt: at, status: 'active' as const }, $inc: { tokenVersion: 1 } };
    const options = { session: transaction.session, returnDocument: 'after' as const };
    return (await this.users.findOneAndUpdate({ _id: new Types.ObjectId(id), isDeleted: false }, update, options)) ?? undefined;
  }

  /** Active owners beside this one: of everything, or of its organization. */
  async countOtherOwners(user: UserDocument, kind: 'universe' | 'organization', transaction: Transaction): Promise<number> {
    const roles = kind === 'universe' ? ['universe.owner'] : ['organization.owner', 'universe.owner'];
    const owners = { ...(kind === 'universe' ? {} : { orgId: user.orgId }), roles: { $in: roles } };
    return this.users.countDocuments({ ...owners, _id: { $ne: user._id }, status: 'active' as const, isDeleted: false }, { session: transaction.session });
  }

  private get users() {
    return collection<UserDocument>(this.connection, USERS);
  }
}
