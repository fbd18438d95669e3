import { cutText, type AiwmDeleted, type AiwmPage, type AiwmToolSchema } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import { Changes, CLOCK, FieldCipher, validationFailed, type Caller, type Clock } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import { AgentRepository } from '../agent-records/agent.repository';
import { ConfigurationChanges } from '../agent-records/configuration-changes';
import { definedOnly, deletedWire, sentFields } from '../api/bodies';
import { checkId } from '../api/ids';
import type { ListQuery, ListRules } from '../api/list-query';
import { pageWire } from '../api/pages';
import { audited, newTenantDocument, scopeOf, tenantWire } from '../tenancy/tenant';
import type { CreateToolDto, ToolDto, UpdateToolDto } from './tool.dto';
import { ToolRepository, type ToolScope } from './tool.repository';
import type { ToolDocument } from './tool.schema';

export const TOOL_LIST: ListRules = {
  filters: { name: 'contains', status: 'equals', type: 'equals', tags: 'member', _id: 'id', category: 'equals', scope: 'equals' },
  sorts: ['name', 'status', 'type', 'createdAt', 'updatedAt'],
};

const ENVIRONMENT_CONTEXT = 'tools.environment';
const REDACTED = '[redacted]';
/** A change of these is a change of what agents are handed. */
const DELIVERED = ['name', 'type', 'description', 'category', 'schema', 'status', 'endpoint', 'transport', 'scope'] as const;

function toolWire(document: ToolDocument): ToolDto {
  const schema: AiwmToolSchema = JSON.parse(document.schema); // written by us from a checked object
  return {
    _id: document._id.toHexString(),
    name: document.name,
    type: document.type,
    description: document.description,
    category: document.category,
    schema,
    status: document.status,
    scope: document.scope,
    tags: [...document.tags],
    transport: document.transport,
    endpoint: document.endpoint,
    dockerImage: document.dockerImage,
    port: document.port,
    environment: Object.fromEntries(document.environmentNames.map((name) => [name, REDACTED])),
    healthEndpoint: document.healthEndpoint,
    ...tenantWire(document),
  };
}

const isOwner = (caller: Caller) => caller.roles.some((role) => role === 'organization.owner' || role === 'universe.owner');
const isUniverseOwner = (caller: Caller) => caller.roles.includes('universe.owner');

/** Own organization's tools, private ones only of their creator and for owners, and everybody's public ones. */
function readScope(caller: Caller): ToolScope {
  return { ...scopeOf(caller), privateOf: isOwner(caller) ? undefined : caller.id };
}

function refusePublic(caller: Caller, scope: string | undefined): void {
  if (scope === 'public' && !isUniverseOwner(caller)) {
    throw new AppError('forbidden', { message: 'Only a universe.owner manages public tools' });
  }
}

@Injectable()
export class ToolsService {
  constructor(
    private readonly repository: ToolRepository,
    private readonly agents: AgentRepository,
    private readonly configurations: ConfigurationChanges,
    private readonly cipher: FieldCipher,
    private readonly changes: Changes,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  async create(caller: Caller, body: CreateToolDto): Promise<ToolDto> {
    refusePublic(caller, body.scope);
    const tool: ToolDocument = {
      ...newTenantDocument(caller.orgId, caller.id, new Date(this.clock.now())),
      name: body.name,
      type: body.type,
      description: body.description,
      category: body.category,
      schema: JSON.stringify(body.schema),
      status: body.status ?? 'active',
      scope: body.scope ?? 'org',
      tags: body.tags ?? [],
      transport: body.transport ?? null,
      endpoint: body.endpoint ?? null,
      dockerImage: body.dockerImage ?? null,
      port: body.port ?? null,
      ...this.environmentFields(body.environment ?? {}, {}),
      healthEndpoint: body.healthEndpoint ?? null,
      references: 0,
    };
    return this.changes.createIn(tool.orgId, caller, 'tool.create', async (transaction) => {
      await this.repository.documents.insert(tool, transaction);
      const value = toolWire(tool);
      return { value, audit: audited('tool', tool, sentFields(body)), answer: value };
    });
  }

  async get(caller: Caller, id: string): Promise<ToolDto> {
    return toolWire(await this.repository.documents.get(readScope(caller), checkId(id)));
  }

  async list(caller: Caller, query: ListQuery): Promise<AiwmPage<ToolDto>> {
    return pageWire(await this.repository.documents.list(readScope(caller), query), query, toolWire);
  }

  async update(caller: Caller, id: string, body: UpdateToolDto): Promise<ToolDto> {
    refusePublic(caller, body.scope);
    checkId(id);
    const { environment, schema, type, ...rest } = body;
    return this.changes.run(caller, 'tool.update', async (transaction) => {
      const before = await this.repository.documents.get(readScope(caller), id, transaction);
      refusePublic(caller, before.scope);
      if (type !== undefined && type !== before.type) throw validationFailed([{ field: 'type', message: 'cannot be changed after creation' }]);
      const set = {
        ...definedOnly(rest),
        ...(schema === undefined ? {} : { schema: JSON.stringify(schema) }),
        ...(environment === undefined ? {} : this.environmentFields(environment, this.environmentOf(before))),
      };
      const by = { id: caller.id, at: new Date(this.clock.now()) };
      const after = await this.repository.documents.change(readScope(caller), id, { set, by }, transaction);
      if (DELIVERED.some((field) => before[field] !== after[field])) await this.configurations.ofTool(id, transaction);
      return { value: toolWire(after), audit: audited('tool', after, sentFields({ ...body, type: undefined })) };
    });
  }

  async delete(caller: Caller, id: string): Promise<AiwmDeleted> {
    checkId(id);
    return this.changes.run(caller, 'tool.delete', async (transaction) => {
      const by = { id: caller.id, at: new Date(this.clock.now()) };
      const tool = await this.repository.documents.delete(readScope(caller), id, by, transaction);
      refusePublic(caller, tool.scope);
      const count = await this.agents.countReferring('allowedToolIds', id, transaction);
      if (count > 0) throw new AppError('in_use', { message: `${count} agent(s) may use this tool; remove it from them first` });
      return { value: deletedWire('tool', id, by.at), audit: audited('tool', tool, []) };
    });
  }

  private environmentOf(document: ToolDocument): Readonly<Record<string, string>> {
    return document.environment === null ? {} : JSON.parse(this.cipher.decrypt(document.environment, ENVIRONMENT_CONTEXT));
  }

  /** `"[redacted]"` keeps the value that is stored under that name. */
  private environmentFields(given: Readonly<Record<string, string>>, present: Readonly<Record<string, string>>) {
    const merged: Record<string, string> = Object.create(null);
    for (const [name, value] of Object.entries(given)) {
      if (value === REDACTED && !Object.hasOwn(present, name)) {
        throw validationFailed([{ field: `environment.${cutText(name, 64)}`, message: 'is "[redacted]", but nothing is stored there' }]);
      }
      merged[name] = value === REDACTED ? (present[name] ?? '') : value;
    }
    const environmentNames = Object.keys(merged);
    const environment = environmentNames.length === 0 ? null : this.cipher.encrypt(JSON.stringify(merged), ENVIRONMENT_CONTEXT);
    return { environment, environmentNames };
  }
}
