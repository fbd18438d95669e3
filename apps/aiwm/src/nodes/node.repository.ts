import type { Transaction } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { InjectModel } from '@nestjs/mongoose';
import type { Model } from 'mongoose';
import { AGENTS, type AgentDocument } from '../agent-records/agent.schema';
import { TenantCollection } from '../tenancy/tenant-collection.repository';
import { NODES, type NodeDocument } from './node.schema';

@Injectable()
export class NodeRepository {
  readonly documents: TenantCollection<NodeDocument>;
  private readonly agents: TenantCollection<AgentDocument>;

  constructor(@InjectModel(NODES) nodes: Model<NodeDocument>, @InjectModel(AGENTS) agents: Model<AgentDocument>) {
    this.documents = new TenantCollection(nodes);
    this.agents = new TenantCollection(agents);
  }

  /** Live agents that run on the node. */
  countAgents(id: string, transaction: Transaction): Promise<number> {
    return this.agents.countReferring('nodeId', id, transaction);
  }
}
