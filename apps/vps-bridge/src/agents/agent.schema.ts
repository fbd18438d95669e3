import type { VpsApi, VpsProtocol } from '@agentfleet/contracts';
import { MongooseModule } from '@nestjs/mongoose';
import { Schema, type Types } from 'mongoose';

export const AGENTS = 'VpsAgent';

export interface AgentDocument {
  readonly _id: Types.ObjectId;
  readonly orgId: string;
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly protocol: VpsProtocol;
  /** Encrypted. */
  readonly authToken: string | null;
  readonly timeoutSeconds: number;
  readonly maxRetries: number;
  readonly fallbackAgents: readonly string[];
  readonly api: VpsApi;
  readonly model: string | null;
  readonly streaming: boolean;
  readonly retryOn: readonly string[] | null;
  readonly fallbackOn: readonly string[] | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export const agentSchema = new Schema({}, { collection: 'vps_agents', strict: false });
agentSchema.index({ orgId: 1, name: 1 }, { unique: true });

export const agentStore = MongooseModule.forFeature([{ name: AGENTS, schema: agentSchema }]);
