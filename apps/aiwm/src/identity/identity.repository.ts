import { DEFAULT_ORGANIZATION_ID } from '@agentfleet/contracts';
import { isDuplicateKey, type Transaction } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { InjectModel } from '@nestjs/mongoose';
import { Types, type Model } from 'mongoose';
import {
  LOGIN_PLACES,
  REFRESH_TOKENS,
  SIGNING_KEYS,
  USERS,
  ORGANIZATIONS,
  type LoginPlaceDocument,
  type OrganizationDocument,
  type RefreshTokenDocument,
  type SigningKeyDocument,
  type UserDocument,
} from './identity.schema';

const sessionOf = (transaction: Transaction | undefined) => (transaction ? { session: transaction.session } : {});

/** Users' sessions and the keys that sign them. */
@Injectable()
export class IdentityRepository {
  constructor(
    @InjectModel(USERS) private readonly users: Model<UserDocument>,
    @InjectModel(ORGANIZATIONS) private readonly organizations: Model<OrganizationDocument>,
    @InjectModel(REFRESH_TOKENS) private readonly refreshTokens: Model<RefreshTokenDocument>,
    @InjectModel(LOGIN_PLACES) private readonly loginPlaces: Model<LoginPlaceDocument>,
    @InjectModel(SIGNING_KEYS) private readonly signingKeys: Model<SigningKeyDocument>,
  ) {}

  async userByName(username: string): Promise<UserDocument | undefined> {
    const found = await this.users.collection.findOne({ username: username.toLowerCase(), isDeleted: false });
    return (found as UserDocument | null) ?? undefined; // the collection holds nothing else
  }

  async userById(id: string): Promise<UserDocument | undefined> {
    const found = await this.users.collection.findOne({ _id: new Types.ObjectId(id), isDeleted: false });
    return (found as UserDocument | null) ?? undefined; // the collection holds nothing else
  }

  async isWithoutUsers(): Promise<boolean> {
    return (await this.users.collection.findOne({}, { projection: { _id: 1 } })) === null;
  }

  /** The organization that exists from the start; any number of replicas may try. */
  async ensureDefaultOrganization(now: Date): Promise<void> {
    const match = { _id: new Types.ObjectId(DEFAULT_ORGANIZATION_ID) };
    const document = { name: 'default', description: '', createdAt: now, updatedAt: now };
    await this.organizations.collection.updateOne(match, { $setOnInsert: document }, { upsert: true });
  }

  /** False when another replica made the user first. */
  async insertUser(user: UserDocument): Promise<boolean> {
    try {
      await this.users.collection.insertOne(user);
      return true;
    } catch (error) {
      if (isDuplicateKey(error)) return false;
      throw error;
    }
  }

  /** Sets the password and ends all tokens; undefined when the user is not there. */
  async setPassword(id: Types.ObjectId, passwordHash: string, transaction: Transaction): Promise<UserDocument | undefined> {
    const now = new Date();
    const update = { $set: { passwordHash, passwordSetAt: now, updatedAt: now, status: 'active' }, $inc: { tokenVersion: 1 } };
    const options = { session: transaction.session, returnDocument: 'after' as const };
    const found = await this.users.collection.findOneAndUpdate({ _id: id, isDeleted: false }, update, options);
    return (found as UserDocument | null) ?? undefined; // the collection holds nothing else
  }

  async insertRefreshToken(token: RefreshTokenDocument, transaction?: Transaction): Promise<void> {
    await this.refreshTokens.collection.insertOne(token as never, sessionOf(transaction)); // its _id is the hash, no ObjectId
  }

  async refreshToken(hash: string, transaction: Transaction): Promise<RefreshTokenDocument | undefined> {
    const found = await this.refreshTokens.collection.findOne({ _id: hash as never }, sessionOf(transaction));
    return (found as RefreshTokenDocument | null) ?? undefined; // the collection holds nothing else
  }

  /** Marks a refresh token as used, returns it as it was before. Its use always changes it: a revocation at the same time is seen. */
  async useRefreshToken(hash: string, now: Date, transaction: Transaction): Promise<RefreshTokenDocument | undefined> {
    const found = await this.refreshTokens.collection.findOneAndUpdate(
      { _id: hash as never },
      [{ $set: { usedAt: { $ifNull: ['$usedAt', now] }, uses: { $add: [{ $ifNull: ['$uses', 0] }, 1] } } }],
      { returnDocument: 'before', ...sessionOf(transaction) },
    );
    return (found as RefreshTokenDocument | null) ?? undefined; // the collection holds nothing else
  }

  async revokeFamily(familyId: string, now: Date, transaction: Transaction): Promise<void> {
    await this.refreshTokens.collection.updateMany({ familyId, revokedAt: null }, { $set: { revokedAt: now } }, sessionOf(transaction));
  }

  async revokeAllOf(userId: string, now: Date, transaction: Transaction): Promise<void> {
    await this.refreshTokens.collection.updateMany({ userId, revokedAt: null }, { $set: { revokedAt: now } }, sessionOf(transaction));
  }

  /** @param place hash of a name and a source */
  async rememberLoginPlace(place: string, now: Date): Promise<void> {
    await this.loginPlaces.collection.updateOne({ _id: place as never }, { $set: { lastAt: now } }, { upsert: true });
  }

  async isLoginPlace(place: string): Promise<boolean> {
    return (await this.loginPlaces.collection.findOne({ _id: place as never })) !== null;
  }

  /** Publishes a key that is signed with, or lets it live on. True when it was new. */
  async publishSigningKey(kid: string, publicJwk: SigningKeyDocument['publicJwk'], validUntil: Date): Promise<boolean> {
    const keys = this.signingKeys.collection;
    const result = await keys.updateOne(
      { _id: kid as never },
      { $set: { publicJwk }, $max: { validUntil }, $setOnInsert: { createdAt: new Date() } },
      { upsert: true },
    );
    return result.upsertedCount === 1;
  }

  async liveSigningKeys(now: Date): Promise<readonly SigningKeyDocument[]> {
    const found = await this.signingKeys.collection.find({ $or: [{ validUntil: null }, { validUntil: { $gt: now } }] }).toArray();
    return found as unknown as SigningKeyDocument[]; // the collection holds nothing else
  }
}
