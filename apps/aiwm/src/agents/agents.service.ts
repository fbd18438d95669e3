import type { AiwmDeleted, AiwmPage } from '@agentfleet/contracts';
import type { FieldProblem } from '@agentfleet/errors';
import { Changes, CLOCK, validationFailed, type Caller, type Clock, type Transaction } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import { AgentStateDirectory } from '../agent-records/agent-state-directory';
import { AgentRepository } from '../agent-records/agent.repository';
import type { AgentDocument } from '../agent-records/agent.schema';
import { definedOnly, deletedWire, sentFields } from '../api/bodies';
import { checkId } from '../api/ids';
import type { ListQuery, ListRules } from '../api/list-query';
import { pageWire } from '../api/pages';
import { InstructionRepository } from '../instructions/instruction.repository';
import { InstructionsService } from '../instructions/instructions.service';
import { NodeRepository } from '../nodes/node.repository';
import { PasswordHashes } from '../passwords/password-hashes';
import { AGENT_SECRET_ROUNDS } from '../passwords/passwords';
import { PresenceService, type PresenceView } from '../presence/presence.service';
import { audited, newTenantDocument, scopeOf } from '../tenancy/tenant';
import { ToolRepository } from '../tools/tool.repository';
import { StoredSettings } from './stored-settings';
import type { AgentDto, CreateAgentDto, UpdateAgentDto } from './agent.dto';
import { agentWire } from './agent-wire';

export const AGENT_LIST: ListRules = {
  filters: {
    name: 'contains',
    status: 'equals',
    type: 'equals',
    tags: 'member',
    _id: 'id',
    instructionId: 'id',
    nodeId: 'id',
    allowedToolIds: 'id',
    connectionStatus: 'equals',
  },
  sorts: ['name', 'status', 'type', 'createdAt', 'updatedAt', 'lastConnectedAt', 'lastHeartbeatAt'],
};

/** A change of these is a change of what the agent is handed. */
const DELIVERED = ['name', 'instructionId', 'allowedToolIds', 'settings'] as const;

type References = Pick<Partial<AgentDocument>, 'instructionId' | 'nodeId' | 'allowedToolIds'>;

/** Those of the references that an update sets anew. Tools are always checked: one may have become private. */
function newReferences({ instructionId, nodeId, allowedToolIds }: UpdateAgentDto, before: AgentDocument): References {
  return {
    ...(instructionId !== undefined && instructionId !== before.instructionId ? { instructionId } : {}),
    ...(nodeId !== undefined && nodeId !== before.nodeId ? { nodeId } : {}),
    ...(allowedToolIds === undefined ? {} : { allowedToolIds }),
  };
}

/** What goes with a change of status. */
function statusFields(before: AgentDocument, status: AgentDocument['status'] | undefined, at: Date): Partial<AgentDocument> {
  if (status === undefined || status === before.status) return {};
  return {
    statusChangedAt: at,
    ...(before.status === 'suspended' ? { suspensionEndedAt: at } : {}),
    ...(status === 'suspended' ? { previousTokenVersion: null, previousValidUntil: null } : {}),
  };
}

@Injectable()
export class AgentsService {
  constructor(
    private readonly repository: AgentRepository,
    private readonly directory: AgentStateDirectory,
    private readonly presence: PresenceService,
    private readonly settings: StoredSettings,
    private readonly instructions: InstructionsService,
    private readonly usableInstructions: InstructionRepository,
    private readonly usableTools: ToolRepository,
    private readonly usableNodes: NodeRepository,
    private readonly hashes: PasswordHashes,
    private readonly changes: Changes,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  async create(caller: Caller, body: CreateAgentDto): Promise<AgentDto> {
    const now = new Date(this.clock.now());
    const settings = this.settings.store(body.settings ?? {}, undefined);
    const hash = body.secret === undefined ? null : await this.hashes.make(`caller:${caller.id}`, body.secret, AGENT_SECRET_ROUNDS);
    const agent: AgentDocument = {
      ...newTenantDocument(caller.orgId, caller.id, now),
      name: body.name,
      description: body.description ?? '',
      status: body.status ?? 'active',
      statusChangedAt: now,
      type: body.type ?? 'autonomous',
      instructionId: body.instructionId ?? null,
      nodeId: body.nodeId ?? null,
      allowedToolIds: [...new Set(body.allowedToolIds ?? [])],
      tags: body.tags ?? [],
      settings,
      credential: hash === null ? null : { hash, generated: false, issuedAt: now, expiresAt: null },
      previousCredential: null,
      tokenVersion: 1,
      previousTokenVersion: null,
      previousValidUntil: null,
      configRevision: 1,
    };
    const value = agentWire(agent, this.settings.of(agent), this.presence.ofNew(agent));
    return this.changes.createIn(agent.orgId, caller, 'agent.create', async (transaction) => {
      await this.refer(agent.orgId, agent, transaction);
      await this.presence.create(agent._id, agent.orgId, now, transaction);
      await this.repository.documents.insert(agent, transaction);
      return { value, audit: audited('agent', agent, sentFields(body)), answer: value };
    });
  }

  async get(caller: Caller, id: string, populate: unknown): Promise<AgentDto> {
    const agent = await this.repository.documents.get(scopeOf(caller), checkId(id));
    const wire = await this.wire(agent);
    if (populate !== 'instruction' || agent.instructionId === null) return wire;
    const instruction = await this.instructions.get({ ...caller, orgId: agent.orgId, allOrganizations: false }, agent.instructionId).catch(() => null);
    return { ...wire, instructionId: instruction };
  }

  async list(caller: Caller, query: ListQuery): Promise<AiwmPage<AgentDto>> {
    const byPresence = query.filters.filter(({ field }) => field === 'connectionStatus');
    const stored: ListQuery = { ...query, filters: query.filters.filter(({ field }) => field !== 'connectionStatus') };
    const all = await this.repository.summaries(scopeOf(caller), stored);
    const views = await this.presence.of(all);
    const matching = all.filter((agent) => byPresence.every(({ value }) => views.get(agent._id.toHexString())?.presence.status === value));
    const page = await this.repository.page(scopeOf(caller), stored, matching, (agent) => views.get(agent._id.toHexString())?.record);
    const byConnectionStatus: Record<string, number> = {};
    for (const agent of matching) {
      const status = views.get(agent._id.toHexString())?.presence.status ?? 'never_connected';
      byConnectionStatus[status] = (byConnectionStatus[status] ?? 0) + 1;
    }
    return pageWire({ ...page, byConnectionStatus }, query, (agent) => this.wireWith(agent, views.get(agent._id.toHexString())));
  }

  async update(caller: Caller, id: string, body: UpdateAgentDto): Promise<AgentDto> {
    checkId(id);
    const { settings, type, allowedToolIds, secret: _refused, ...rest } = body;
    const after = await this.changes.run(caller, 'agent.update', async (transaction) => {
      const before = await this.repository.documents.get(scopeOf(caller), id, transaction);
      if (type !== undefined && type !== before.type) throw validationFailed([{ field: 'type', message: 'cannot be changed after creation' }]);
      await this.refer(before.orgId, newReferences(body, before), transaction);
      const by = { id: caller.id, at: new Date(this.clock.now()) };
      const set: Partial<AgentDocument> = {
        ...definedOnly(rest),
        ...(allowedToolIds === undefined ? {} : { allowedToolIds: [...new Set(allowedToolIds)] }),
        ...(settings === undefined ? {} : { settings: this.settings.store(settings, before) }),
        ...statusFields(before, rest.status, by.at),
      };
      const changesDelivered = DELIVERED.some((field) => field in set && JSON.stringify(set[field]) !== JSON.stringify(before[field]));
      const suspends = rest.status === 'suspended' && before.status !== 'suspended';
      const raise = [...(changesDelivered ? (['configRevision'] as const) : []), ...(suspends ? (['tokenVersion'] as const) : [])];
      const changed = await this.repository.documents.change(scopeOf(caller), id, { set, raise, by }, transaction);
      this.announce(before, changed, by.at, transaction);
      return { value: changed, audit: audited('agent', changed, sentFields({ ...body, type: undefined })) };
    });
    return this.wire(after);
  }

  async delete(caller: Caller, id: string): Promise<AiwmDeleted> {
    checkId(id);
    return this.changes.run(caller, 'agent.delete', async (transaction) => {
      const by = { id: caller.id, at: new Date(this.clock.now()) };
      const agent = await this.repository.documents.delete(scopeOf(caller), id, by, transaction, ['tokenVersion']);
      this.endTokens(agent, 'deleted', by.at, transaction);
      return { value: deletedWire('agent', id, by.at), audit: audited('agent', agent, []) };
    });
  }

  private async wire(agent: AgentDocument): Promise<AgentDto> {
    const views = await this.presence.of([agent]);
    return this.wireWith(agent, views.get(agent._id.toHexString()));
  }

  private wireWith(agent: AgentDocument, view: PresenceView | undefined): AgentDto {
    if (!view) throw new Error('Every agent has a presence');
    return agentWire(agent, this.settings.of(agent), view);
  }

  /** Checks references against the agent's organization, whoever asks, and counts them. @throws AppError `validation_failed` */
  private async refer(orgId: string, { instructionId, nodeId, allowedToolIds = [] }: References, transaction: Transaction): Promise<void> {
    const problems: FieldProblem[] = [];
    const missing = (field: string) => problems.push({ field, message: ': not found in this organization' });
    if (instructionId != null && !(await this.usableInstructions.refer(orgId, instructionId, transaction))) missing('instructionId');
    if (nodeId != null && !(await this.usableNodes.refer(orgId, nodeId, transaction))) missing('nodeId');
    if (allowedToolIds.length > 0) {
      const found = await this.usableTools.refer(orgId, allowedToolIds, transaction);
      if (allowedToolIds.some((toolId) => !found.has(toolId))) missing('allowedToolIds');
    }
    if (problems.length > 0) throw validationFailed(problems);
  }

  private endTokens({ _id, orgId, tokenVersion }: AgentDocument, reason: string, at: Date, transaction: Transaction): void {
    const agentId = _id.toHexString();
    transaction.afterCommit(() => this.directory.forget(agentId));
    transaction.notify('agent.revoked', { orgId, agentId, tokenVersion, previousValidUntil: null, reason, at: at.toISOString() });
  }

  private announce(before: AgentDocument, after: AgentDocument, at: Date, transaction: Transaction): void {
    const { orgId, configRevision } = after;
    const agentId = after._id.toHexString();
    if (after.tokenVersion !== before.tokenVersion) this.endTokens(after, 'suspended', at, transaction);
    transaction.afterCommit(() => {
      this.directory.forget(agentId);
      if (after.status !== before.status) this.presence.mayHaveChanged(agentId);
    });
    if (configRevision === before.configRevision && after.status === before.status) return;
    transaction.notify('agent.configuration.changed', { orgId, agentId, configRevision, at: at.toISOString() });
  }
}
