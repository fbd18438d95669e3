import type { Transaction } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { InjectModel } from '@nestjs/mongoose';
import type { Model } from 'mongoose';
import { AGENTS, type AgentDocument } from '../agent-records/agent.schema';
import { TenantCollection } from '../tenancy/tenant-collection.repository';
import { INSTRUCTIONS, type InstructionDocument } from './instruction.schema';

@Injectable()
export class InstructionRepository {
  readonly documents: TenantCollection<InstructionDocument>;
  private readonly agents: TenantCollection<AgentDocument>;

  constructor(@InjectModel(INSTRUCTIONS) instructions: Model<InstructionDocument>, @InjectModel(AGENTS) agents: Model<AgentDocument>) {
    this.documents = new TenantCollection(instructions);
    this.agents = new TenantCollection(agents);
  }

  /** Live agents that refer to the instruction. */
  countAgents(id: string, transaction: Transaction): Promise<number> {
    return this.agents.countReferring('instructionId', id, transaction);
  }
}
