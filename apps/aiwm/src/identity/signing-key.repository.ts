import { collection } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { InjectConnection } from '@nestjs/mongoose';
import type { Connection } from 'mongoose';
import { SIGNING_KEYS, type SigningKeyDocument } from './signing-key.schema';

@Injectable()
export class SigningKeyRepository {
  constructor(@InjectConnection() private readonly connection: Connection) {}

  /** Publishes a key that is signed with, or lets it live on. True when it was new. */
  async publish(kid: string, publicJwk: SigningKeyDocument['publicJwk'], validUntil: Date, now: Date): Promise<boolean> {
    const result = await this.keys.updateOne(
      { _id: kid },
      { $set: { publicJwk }, $max: { validUntil }, $setOnInsert: { createdAt: now } },
      { upsert: true },
    );
    return result.upsertedCount === 1;
  }

  async findLive(now: Date): Promise<readonly SigningKeyDocument[]> {
    return this.keys.find({ $or: [{ validUntil: null }, { validUntil: { $gt: now } }] }).toArray();
  }

  private get keys() {
    return collection<SigningKeyDocument>(this.connection, SIGNING_KEYS);
  }
}
