import type { HealthState } from '@agentfleet/health';
import { MongooseModule } from '@nestjs/mongoose';
import { Schema, type Types } from 'mongoose';
import type { CountedUpTo } from './waiting-outcomes';

export const HEALTH = 'VpsAgentHealth';

/** One record per agent, under the agent's own id; the core's state as it is, times in milliseconds since 1970. */
export interface HealthDocument {
  readonly _id: Types.ObjectId;
  readonly orgId: string;
  readonly name: string;
  /** Moves with every write; whoever writes a computed state does so only over the version that it computed from. */
  readonly version: number;
  readonly state: HealthState;
  /** Missing in records of older bridges. */
  readonly counted?: readonly CountedUpTo[];
}

export const healthSchema = new Schema({}, { collection: 'vps_agent_health', strict: false });
healthSchema.index({ orgId: 1, name: 1 }, { unique: true });
healthSchema.index({ 'state.consecutiveConnectionFailures': 1 }, { partialFilterExpression: { 'state.consecutiveConnectionFailures': { $gte: 5 } } });

export const healthStore = MongooseModule.forFeature([{ name: HEALTH, schema: healthSchema }]);
