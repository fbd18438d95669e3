import type { AiwmDeleted, AiwmPage, JsonObject } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import { Audit, IdentityStore, Transactions, type Caller } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { AgentRepository } from '../agent-records/agent.repository';
import { definedOnly } from '../api/bodies';
import type { ListQuery, ListRules } from '../api/list-query';
import { pageWire } from '../api/pages';
import { Resource } from '../tenancy/resource';
import { newTenantDocument, scopeOf, tenantWire } from '../tenancy/tenant';
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
  private readonly resource: Resource<NodeDocument>;

  constructor(repository: NodeRepository, agents: AgentRepository, transactions: Transactions, audit: Audit, identity: IdentityStore) {
    this.resource = new Resource(repository.documents, transactions, audit, identity, {
      type: 'node',
      readScope: scopeOf,
      beforeDelete: async (document, transaction) => {
        const count = await agents.countReferring('nodeId', document._id.toHexString(), transaction);
        if (count > 0) throw new AppError('in_use', { message: `${count} agent(s) run on this node; move them first` });
      },
    });
  }

  async create(caller: Caller, body: CreateNodeDto): Promise<NodeDto> {
    const document: NodeDocument = {
      ...newTenantDocument(caller.orgId, caller.id, new Date()),
      name: body.name,
      role: body.role,
      isLocal: body.isLocal ?? false,
      vpnIp: body.vpnIp ?? null,
      status: body.status ?? 'pending',
      specs: JSON.stringify(body.specs ?? {}),
      location: JSON.stringify(body.location ?? {}),
      references: 0,
    };
    return this.resource.create(caller, document, Object.keys(definedOnly(body)), nodeWire);
  }

  async get(caller: Caller, id: string): Promise<NodeDto> {
    return nodeWire(await this.resource.get(caller, id));
  }

  async list(caller: Caller, query: ListQuery): Promise<AiwmPage<NodeDto>> {
    return pageWire(await this.resource.list(caller, query), query, nodeWire);
  }

  async update(caller: Caller, id: string, body: UpdateNodeDto): Promise<NodeDto> {
    return nodeWire(await this.resource.update(caller, id, () => Promise.resolve({ set: stored(body) })));
  }

  delete(caller: Caller, id: string): Promise<AiwmDeleted> {
    return this.resource.delete(caller, id);
  }
}
