import { Schema } from 'mongoose';
import type { TenantDocument } from '../tenancy/tenant.schema';

export interface InstructionDocument extends TenantDocument {
  readonly name: string;
  readonly description: string;
  readonly systemPrompt: string;
  readonly guidelines: readonly string[];
  readonly tags: readonly string[];
  readonly status: 'active' | 'inactive';
  /** Raised whenever an agent takes a reference, so that a deletion at the same time collides with it. */
  readonly references: number;
}

export const INSTRUCTIONS = 'instructions';
export const instructionSchema = new Schema<InstructionDocument>({ orgId: String }, { collection: INSTRUCTIONS, strict: false, versionKey: false })
  .index({ orgId: 1, isDeleted: 1, createdAt: -1 });
