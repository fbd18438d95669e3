import { collection, type Transaction } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { InjectConnection } from '@nestjs/mongoose';
import { Types, type Connection } from 'mongoose';
import type { ListQuery } from '../api/list-query';
import type { Page } from '../api/pages';
import type { TenantScope } from '../tenancy/tenant';
import { TenantCollection } from '../tenancy/tenant-collection.repository';
import { AGENTS, type AgentCredential, type AgentDocument } from './agent.schema';

/** What connect and heartbeats need of an agent, without its settings. */
export type AgentState = Pick<
  AgentDocument,
  '_id' | 'orgId' | 'createdAt' | 'status' | 'statusChangedAt' | 'suspensionEndedAt' | 'tokenVersion' | 'previousTokenVersion' | 'previousValidUntil' | 'configRevision' | 'isDeleted'
>;

/** What presence follows from, beside the facts of the connection. */
export type PresenceSubject = Pick<AgentDocument, '_id' | 'createdAt' | 'status' | 'statusChangedAt' | 'suspensionEndedAt'>;

/** Where an agent refers to something else. */
export type ReferenceField = 'instructionId' | 'nodeId' | 'allowedToolIds';

export type AgentSummary = PresenceSubject & Pick<AgentDocument, 'name' | 'type' | 'updatedAt'>;

interface ConnectionTimes {
  readonly lastConnectedAt?: Date | null;
  readonly lastHeartbeatAt?: Date | null;
}

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

  constructor(@InjectConnection() private readonly connection: Connection) {
    this.documents = new TenantCollection(connection, AGENTS, { hasType: true });
  }

  /** Of everything that a list's filters match, what presence needs. */
  async summaries(scope: TenantScope, query: ListQuery): Promise<readonly AgentSummary[]> {
    const ids = await this.documents.ids(scope, query);
    const projection = { name: 1, type: 1, createdAt: 1, updatedAt: 1, status: 1, statusChangedAt: 1, suspensionEndedAt: 1 };
    return this.agents.find({ _id: { $in: [...ids] } }, { projection }).toArray();
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
    return (await this.agents.findOne({ _id: new Types.ObjectId(id), isDeleted: false })) ?? undefined;
  }

  /** As `findLive`, of many. */
  async findManyLive(ids: readonly string[]): Promise<ReadonlyMap<string, AgentDocument>> {
    const match = { _id: { $in: [...new Set(ids)].map((id) => new Types.ObjectId(id)) }, isDeleted: false };
    const found = await this.agents.find(match).toArray();
    return new Map(found.map((agent) => [String(agent._id), agent]));
  }

  /** Also of deleted agents. */
  async findState(id: string): Promise<AgentState | undefined> {
    const projection = { settings: 0, credential: 0, previousCredential: 0 };
    return (await this.agents.findOne({ _id: new Types.ObjectId(id) }, { projection })) ?? undefined;
  }

  /** The live ones of these agents, with what presence needs of them. */
  async presenceSubjects(ids: readonly Types.ObjectId[]): Promise<ReadonlyMap<string, PresenceSubject>> {
    const projection = { createdAt: 1, status: 1, statusChangedAt: 1, suspensionEndedAt: 1 };
    const found = await this.agents.find({ _id: { $in: [...ids] }, isDeleted: false }, { projection }).toArray();
    return new Map(found.map((agent) => [String(agent._id), agent as unknown as PresenceSubject])); // the projection of the agents
  }

  /** How many live agents, of whatever organization, refer to it. */
  countReferring(field: ReferenceField, id: string, transaction: Transaction): Promise<number> {
    return this.agents.countDocuments({ [field]: id, isDeleted: false }, { session: transaction.session });
  }

  /** Raises `configRevision` of all live agents that refer to it, and says which, as they were before. */
  async raiseConfigRevision(field: ReferenceField, id: string, transaction: Transaction): Promise<readonly AgentDocument[]> {
    const match = { [field]: id, isDeleted: false };
    const options = { session: transaction.session };
    const found = await this.agents.find(match, options).toArray();
    if (found.length > 0) await this.agents.updateMany(match, { $inc: { configRevision: 1 } }, options);
    return found;
  }

  /** Ends the overlap of a rotation: the previous secret and its tokens stop working. */
  endOverlap(scope: TenantScope, id: string, transaction: Transaction): Promise<AgentDocument> {
    return this.documents.change(scope, id, { set: { previousCredential: null, previousTokenVersion: null, previousValidUntil: null } }, transaction);
  }

  /** Replaces the secret of a live agent and ends, or limits, the tokens of the old one. */
  async rotate(
    scope: TenantScope,
    id: string,
    change: { credential: AgentCredential; previous: AgentCredential | null; previousTokenVersion: number | null },
    transaction: Transaction,
  ): Promise<AgentDocument> {
    const set = {
      credential: change.credential,
      previousCredential: change.previous,
      previousTokenVersion: change.previousTokenVersion,
      previousValidUntil: change.previous?.expiresAt ?? null,
    };
    return this.documents.change(scope, id, { set, raise: ['tokenVersion'] }, transaction);
  }

  private get agents() {
    return collection<AgentDocument>(this.connection, AGENTS);
  }
}
