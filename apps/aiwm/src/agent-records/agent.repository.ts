import type { Transaction } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { InjectModel } from '@nestjs/mongoose';
import { Types, type Model } from 'mongoose';
import { INSTRUCTIONS, type InstructionDocument } from '../instructions/instruction.schema';
import { NODES, type NodeDocument } from '../nodes/node.schema';
import type { ListQuery } from '../api/list-query';
import { TenantCollection, type Page, type TenantScope } from '../tenancy/tenant-collection.repository';
import { TOOLS, type ToolDocument } from '../tools/tool.schema';
import { AGENTS, type AgentCredential, type AgentDocument, type AgentPresenceDocument } from './agent.schema';

/** What connect and heartbeats need of an agent, without its settings. */
export type AgentState = Pick<
  AgentDocument,
  '_id' | 'orgId' | 'createdAt' | 'status' | 'statusChangedAt' | 'suspensionEndedAt' | 'tokenVersion' | 'previousTokenVersion' | 'previousValidUntil' | 'configRevision' | 'isDeleted'
>;

export interface ConfigurationParts {
  readonly instruction: InstructionDocument | undefined;
  readonly tools: readonly ToolDocument[];
}

export type AgentSummary = Pick<AgentDocument, '_id' | 'name' | 'type' | 'createdAt' | 'updatedAt' | 'status' | 'statusChangedAt' | 'suspensionEndedAt'>;

type ConnectionTimes = Partial<Pick<AgentPresenceDocument, 'lastConnectedAt' | 'lastHeartbeatAt'>>;

/** By fields of the agent and of its presence alike; what never was comes first, as in MongoDB. */
function compareBy(sort: ListQuery['sort'], times: (agent: AgentSummary) => ConnectionTimes | undefined) {
  const valueOf = (agent: AgentSummary, field: string): string | number => {
    const value = { ...agent, ...times(agent), _id: 0 }[field as keyof AgentSummary & keyof ConnectionTimes] as unknown;
    return value instanceof Date ? value.getTime() : typeof value === 'string' ? value : -1;
  };
  return (a: AgentSummary, b: AgentSummary): number => {
    for (const { field, direction } of sort) {
      const [x, y] = [valueOf(a, field), valueOf(b, field)];
      if (x !== y) return x < y ? -direction : direction;
    }
    return a._id.toHexString() < b._id.toHexString() ? 1 : -1;
  };
}

@Injectable()
export class AgentRepository {
  readonly documents: TenantCollection<AgentDocument>;

  constructor(
    @InjectModel(AGENTS) private readonly agents: Model<AgentDocument>,
    @InjectModel(INSTRUCTIONS) private readonly instructions: Model<InstructionDocument>,
    @InjectModel(TOOLS) private readonly tools: Model<ToolDocument>,
    @InjectModel(NODES) private readonly nodes: Model<NodeDocument>,
  ) {
    this.documents = new TenantCollection(agents);
  }

  /** Of everything that a list's filters match, what presence needs. */
  async summaries(scope: TenantScope, query: ListQuery): Promise<readonly AgentSummary[]> {
    const ids = await this.documents.ids(scope, query);
    const projection = { name: 1, type: 1, createdAt: 1, updatedAt: 1, status: 1, statusChangedAt: 1, suspensionEndedAt: 1 };
    const found = await this.agents.collection.find({ _id: { $in: [...ids] } }, { projection }).toArray();
    return found as unknown as AgentSummary[]; // the projection of the collection's documents
  }

  /** One page of exactly these agents, sorted as asked; connect and heartbeat times come from presence. */
  async page(
    scope: TenantScope,
    query: ListQuery,
    only: readonly AgentSummary[],
    times: (agent: AgentSummary) => ConnectionTimes | undefined,
  ): Promise<Page<AgentDocument>> {
    const ids = only.map(({ _id }) => _id);
    if (!query.sort.some(({ field }) => field === 'lastConnectedAt' || field === 'lastHeartbeatAt')) return this.documents.list(scope, query, ids);
    const start = (query.page - 1) * query.limit;
    const wanted = [...only].sort(compareBy(query.sort, times)).slice(start, start + query.limit);
    const counts = await this.documents.list(scope, { ...query, page: 1, limit: 1 }, ids);
    const found = await this.documents.findMany(scope, wanted.map(({ _id }) => _id.toHexString()));
    const byId = new Map(found.map((agent) => [agent._id.toHexString(), agent]));
    return { ...counts, items: wanted.flatMap(({ _id }) => byId.get(_id.toHexString()) ?? []) };
  }

  /** The live agent, whatever its organization: for the agent's own routes, whose token or secret decides. */
  async findLive(id: string): Promise<AgentDocument | undefined> {
    const found = await this.agents.collection.findOne({ _id: new Types.ObjectId(id), isDeleted: false });
    return (found as AgentDocument | null) ?? undefined; // the collection holds nothing else
  }

  /** As `findLive`, of many. */
  async findManyLive(ids: readonly string[]): Promise<ReadonlyMap<string, AgentDocument>> {
    const match = { _id: { $in: [...new Set(ids)].map((id) => new Types.ObjectId(id)) }, isDeleted: false };
    const found = await this.agents.collection.find(match).toArray();
    return new Map(found.map((agent) => [String(agent._id), agent as unknown as AgentDocument])); // as above
  }

  /** Also of deleted agents. */
  async findState(id: string): Promise<AgentState | undefined> {
    const projection = { settings: 0, credential: 0, previousCredential: 0 };
    const found = await this.agents.collection.findOne({ _id: new Types.ObjectId(id) }, { projection });
    return (found as AgentState | null) ?? undefined; // the collection holds nothing else
  }

  /** A usable instruction of that organization; taking the reference collides with a deletion at the same time. */
  async takeInstruction(orgId: string, id: string, transaction: Transaction): Promise<boolean> {
    const match = { _id: new Types.ObjectId(id), orgId, isDeleted: false, status: 'active' };
    const { matchedCount } = await this.instructions.collection.updateOne(match, { $inc: { references: 1 } }, { session: transaction.session });
    return matchedCount === 1;
  }

  async takeNode(orgId: string, id: string, transaction: Transaction): Promise<boolean> {
    const match = { _id: new Types.ObjectId(id), orgId, isDeleted: false };
    const { matchedCount } = await this.nodes.collection.updateOne(match, { $inc: { references: 1 } }, { session: transaction.session });
    return matchedCount === 1;
  }

  /** Which of the tools are own or public. */
  async takeTools(orgId: string, ids: readonly string[], transaction: Transaction): Promise<ReadonlySet<string>> {
    const match = { _id: { $in: ids.map((id) => new Types.ObjectId(id)) }, isDeleted: false, $or: [{ orgId }, { scope: 'public' }] };
    const options = { session: transaction.session };
    const found = await this.tools.collection.find(match, { ...options, projection: { _id: 1 } }).toArray();
    await this.tools.collection.updateMany(match, { $inc: { references: 1 } }, options);
    return new Set(found.map(({ _id }) => String(_id)));
  }

  /** What each agent's configuration is rendered from; references are checked again here, against its organization. */
  async configurationsOf(agents: readonly AgentDocument[]): Promise<readonly ConfigurationParts[]> {
    const usable = (ids: readonly string[]) => ({ _id: { $in: [...new Set(ids)].map((id) => new Types.ObjectId(id)) }, isDeleted: false, status: 'active' });
    const instructionIds = agents.flatMap(({ instructionId }) => instructionId ?? []);
    const toolIds = agents.flatMap(({ allowedToolIds }) => allowedToolIds);
    const [instructions, tools] = await Promise.all([
      instructionIds.length === 0 ? [] : this.instructions.collection.find(usable(instructionIds)).toArray(),
      toolIds.length === 0 ? [] : this.tools.collection.find(usable(toolIds)).toArray(),
    ]);
    // each collection holds its own kind only
    const instructionOf = new Map((instructions as unknown as InstructionDocument[]).map((one) => [one._id.toHexString(), one]));
    const toolOf = new Map((tools as unknown as ToolDocument[]).map((one) => [one._id.toHexString(), one]));
    return agents.map(({ orgId, instructionId, allowedToolIds }) => {
      const instruction = instructionId === null ? undefined : instructionOf.get(instructionId);
      const own = allowedToolIds.flatMap((id) => toolOf.get(id) ?? []).filter((tool) => tool.orgId === orgId || tool.scope === 'public');
      return { instruction: instruction?.orgId === orgId ? instruction : undefined, tools: own };
    });
  }

  /** Replaces the secret of a live agent and ends, or limits, the tokens of the old one. */
  async rotate(
    scope: { orgId: string | null },
    id: string,
    change: { credential: AgentCredential; previous: AgentCredential | null; previousTokenVersion: number | null },
    transaction: Transaction,
  ): Promise<AgentDocument | undefined> {
    const set = {
      credential: change.credential,
      previousCredential: change.previous,
      previousTokenVersion: change.previousTokenVersion,
      previousValidUntil: change.previous?.expiresAt ?? null,
    };
    return this.documents.update(scope, id, { set, inc: { tokenVersion: 1 } }, transaction);
  }
}
