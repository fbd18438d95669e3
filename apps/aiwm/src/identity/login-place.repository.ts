import { collection } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { InjectConnection } from '@nestjs/mongoose';
import type { Connection } from 'mongoose';
import { LOGIN_PLACES, type LoginPlaceDocument } from './login-place.schema';

/** Where people logged in before: hashes of a name and a source. */
@Injectable()
export class LoginPlaceRepository {
  constructor(@InjectConnection() private readonly connection: Connection) {}

  async remember(place: string, now: Date): Promise<void> {
    await this.places.updateOne({ _id: place }, { $set: { lastAt: now } }, { upsert: true });
  }

  async isKnown(place: string): Promise<boolean> {
    return (await this.places.findOne({ _id: place })) !== null;
  }

  private get places() {
    return collection<LoginPlaceDocument>(this.connection, LOGIN_PLACES);
  }
}
