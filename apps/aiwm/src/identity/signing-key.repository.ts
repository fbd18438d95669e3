import { Injectable } from '@nestjs/common';
import { InjectModel } from '@nestjs/mongoose';
import type { Model } from 'mongoose';
import { SIGNING_KEYS, type SigningKeyDocument } from './signing-key.schema';

@Injectable()
export class SigningKeyRepository {
  constructor(@InjectModel(SIGNING_KEYS) private readonly keys: Model<SigningKeyDocument>) {}

  /** Publishes a key that is signed with, or lets it live on. True when it was new. */
  async publish(kid: string, publicJwk: SigningKeyDocument['publicJwk'], validUntil: Date, now: Date): Promise<boolean> {
    const result = await this.keys.collection.updateOne(
      { _id: kid as never },
      { $set: { publicJwk }, $max: { validUntil }, $setOnInsert: { createdAt: now } },
      { upsert: true },
    );
    return result.upsertedCount === 1;
  }

  async findLive(now: Date): Promise<readonly SigningKeyDocument[]> {
    const found = await this.keys.collection.find({ $or: [{ validUntil: null }, { validUntil: { $gt: now } }] }).toArray();
    return found as unknown as SigningKeyDocument[]; // the collection holds nothing else
  }
}
