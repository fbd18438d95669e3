import type { AiwmDeleted, AiwmPage, JsonObject } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import { Changes, CLOCK, type Caller, type Clock } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import { AgentRepository } from '../agent-records/agent.repository';
import { definedOnly, deletedWire, sentFields } from '../api/bodies';
import { checkId } from '../api/ids';
import type { ListQuery, ListRules } from '../api/list-query';
import { pageWire } from '../api/pages';
import { audited, newTenantDocument, scopeOf, tenantWire } from '../tenancy/tenant';
import type { Settable } from '../tenancy/tenant-collection.repository';
import type { CreateNodeDto, NodeDto, UpdateNodeDto } from './node.dto';
import { NodeRepository } from './node.repository';
import type { NodeDocument } from './node.schema';

export const NODE_LIST: ListRules = {
  filters: { name: 'contains', status: 'equals', _id: 'id', role: 'member' },
  sorts: ['name', 'status', 'createdAt', 'updatedAt'],
};

function nodeWire(document: NodeDocument): NodeDto {
  const object = (text: string): JsonObject => JSON.parse(text); // written by us from a checked object
  return {
    _id: document._id.toHexString(),
    name: document.name,
    role: [...document.role],
    isLocal: document.isLocal,
    vpnIp: document.vpnIp,
    status: document.status,
    specs: object(document.specs),
    location: object(document.location),
    ...tenantWire(document),
  };
}

/** The fields as they are stored: free objects as JSON text. */
function stored(body: CreateNodeDto | UpdateNodeDto): Settable<NodeDocument> {
  const { specs, location, ...rest } = body;
  return definedOnly({
    ...rest,
    specs: specs === undefined ? undefined : JSON.stringify(specs),
    location: location === undefined ? undefined : JSON.stringify(location),
  });
}

@Injectable()
export class NodesService {
  constructor(
    private readonly repository: NodeRepository,
    private readonly agents: AgentRepository,
    private readonly changes: Changes,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  create(caller: Caller, body: CreateNodeDto): Promise<NodeDto> {
    const node: NodeDocument = {
      ...newTenantDocument(caller.orgId, caller.id, new Date(this.clock.now())),
      name: body.name,
      role: body.role,
      isLocal: body.isLocal ?? false,
      vpnIp: body.vpnIp ?? null,
      status: body.status ?? 'pending',
      specs: JSON.stringify(body.specs ?? {}),
      location: JSON.stringify(body.location ?? {}),
      references: 0,
    };
    return this.changes.createIn(node.orgId, caller, 'node.create', async (transaction) => {
      await this.repository.documents.insert(node, transaction);
      const value = nodeWire(node);
      return { value, audit: audited('node', node, sentFields(body)), answer: value };
    });
  }

  async get(caller: Caller, id: string): Promise<NodeDto> {
    return nodeWire(await this.repository.documents.get(scopeOf(caller), checkId(id)));
  }

  async list(caller: Caller, query: ListQuery): Promise<AiwmPage<NodeDto>> {
    return pageWire(await this.repository.documents.list(scopeOf(caller), query), query, nodeWire);
  }

  async update(caller: Caller, id: string, body: UpdateNodeDto): Promise<NodeDto> {
    checkId(id);
    return this.changes.run(caller, 'node.update', async (transaction) => {
      const by = { id: caller.id, at: new Date(this.clock.now()) };
      const node = await this.repository.documents.change(scopeOf(caller), id, { set: stored(body), by }, transaction);
      return { value: nodeWire(node), audit: audited('node', node, sentFields(body)) };
    });
  }

  async delete(caller: Caller, id: string): Promise<AiwmDeleted> {
    checkId(id);
    return this.changes.run(caller, 'node.delete', async (transaction) => {
      const by = { id: caller.id, at: new Date(this.clock.now()) };
      const node = await this.repository.documents.delete(scopeOf(caller), id, by, transaction);
      const count = await this.agents.countReferring('nodeId', id, transaction);
      if (count > 0) throw new AppError('in_use', { message: `${count} agent(s) run on this node; move them first` });
      return { value: deletedWire('node', id, by.at), audit: audited('node', node, []) };
    });
  }
}
