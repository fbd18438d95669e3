import type { SigningKeyRecord } from '@agentfleet/contracts';
import { Schema } from 'mongoose';

export type SigningKeyDocument = SigningKeyRecord & { readonly _id: string };
export const SIGNING_KEYS = 'signing_keys';
export const signingKeySchema = new Schema<SigningKeyDocument>({ _id: String }, { collection: SIGNING_KEYS, strict: false, versionKey: false });
