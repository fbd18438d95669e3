import type { SigningKeyRecord } from '@agentfleet/contracts';
import { Schema } from 'mongoose';

export type SigningKeyDocument = SigningKeyRecord & { readonly _id: string };
export const SIGNING_KEYS = 'SigningKey';
export const signingKeySchema = new Schema<SigningKeyDocument>({ _id: String }, { collection: 'signing_keys', strict: false, versionKey: false });
