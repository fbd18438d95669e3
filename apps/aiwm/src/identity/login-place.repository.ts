import { Injectable } from '@nestjs/common';
import { InjectModel } from '@nestjs/mongoose';
import type { Model } from 'mongoose';
import { LOGIN_PLACES, type LoginPlaceDocument } from './login-place.schema';

/** Where people logged in before: hashes of a name and a source. */
@Injectable()
export class LoginPlaceRepository {
  constructor(@InjectModel(LOGIN_PLACES) private readonly places: Model<LoginPlaceDocument>) {}

  async remember(place: string, now: Date): Promise<void> {
    await this.places.collection.updateOne({ _id: place as never }, { $set: { lastAt: now } }, { upsert: true });
  }

  async isKnown(place: string): Promise<boolean> {
    return (await this.places.collection.findOne({ _id: place as never })) !== null;
  }
}
