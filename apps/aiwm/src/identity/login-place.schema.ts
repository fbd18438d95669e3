import { Schema } from 'mongoose';

/** That somebody logged in under some name from some source. */
export interface LoginPlaceDocument {
  /** SHA-256 of both, hex. */
  readonly _id: string;
  readonly lastAt: Date;
}
export const LOGIN_PLACES = 'login_places';
const LOGIN_PLACE_LIFE_S = 90 * 86_400;
export const loginPlaceSchema = new Schema<LoginPlaceDocument>({ _id: String }, { collection: LOGIN_PLACES, strict: false, versionKey: false })
  .index({ lastAt: 1 }, { expireAfterSeconds: LOGIN_PLACE_LIFE_S });
