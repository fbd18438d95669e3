import type { Transaction } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { InjectModel } from '@nestjs/mongoose';
import type { Model } from 'mongoose';
import { AGENTS, type AgentDocument } from '../agent-records/agent.schema';
import { TenantCollection } from '../tenancy/tenant-collection.repository';
import { TOOLS, type ToolDocument } from './tool.schema';

@Injectable()
export class ToolRepository {
  readonly documents: TenantCollection<ToolDocument>;
  private readonly agents: TenantCollection<AgentDocument>;

  constructor(@InjectModel(TOOLS) tools: Model<ToolDocument>, @InjectModel(AGENTS) agents: Model<AgentDocument>) {
    this.documents = new TenantCollection(tools);
    this.agents = new TenantCollection(agents);
  }

  /** Live agents that may use the tool. */
  countAgents(id: string, transaction: Transaction): Promise<number> {
    return this.agents.countReferring('allowedToolIds', id, transaction);
  }
}
