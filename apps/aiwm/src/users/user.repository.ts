import { AppError } from '@agentfleet/errors';
import { DEFAULT_ORGANIZATION_ID } from '@agentfleet/contracts';
import { isDuplicateKey, type Transaction } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { InjectModel } from '@nestjs/mongoose';
import { Types, type Model } from 'mongoose';
import { ORGANIZATIONS, USERS, type OrganizationDocument, type UserDocument } from '../identity/identity.schema';
import { TenantCollection, type TenantScope } from '../tenancy/tenant-collection.repository';

const nameTaken = () => new AppError('conflict', { message: 'A user with this username exists already' });

@Injectable()
export class UserRepository {
  readonly documents: TenantCollection<UserDocument>;

  constructor(
    @InjectModel(USERS) private readonly users: Model<UserDocument>,
    @InjectModel(ORGANIZATIONS) private readonly organizations: Model<OrganizationDocument>,
  ) {
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
  async update(
    scope: TenantScope,
    id: string,
    changes: { readonly set: Readonly<Record<string, unknown>>; readonly inc?: Readonly<Record<string, number>> },
    transaction: Transaction,
  ): Promise<UserDocument | undefined> {
    try {
      return await this.documents.update(scope, id, changes, transaction);
    } catch (error) {
      throw isDuplicateKey(error) ? nameTaken() : error;
    }
  }

  /**
   * Active owners beside this one. Takes a mark that all such decisions write, so that two owners who remove each other
   * at the same moment collide and one of them is asked again.
   */
  async otherOwners(user: UserDocument, kind: 'universe' | 'organization', transaction: Transaction): Promise<number> {
    const { session } = transaction;
    const markOn = new Types.ObjectId(kind === 'universe' ? DEFAULT_ORGANIZATION_ID : user.orgId);
    await this.organizations.collection.updateOne({ _id: markOn }, { $inc: { ownerChanges: 1 } }, { session });
    const owners = kind === 'universe' ? { roles: 'universe.owner' } : { orgId: user.orgId, roles: { $in: ['organization.owner', 'universe.owner'] } };
    return this.users.collection.countDocuments({ ...owners, _id: { $ne: user._id }, status: 'active', isDeleted: false }, { session });
  }
}
