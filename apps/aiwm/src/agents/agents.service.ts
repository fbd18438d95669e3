import { AIWM_NOTICES, PLATFORM_NOTICES, type AgentRevokedNotice, type AiwmConfigurationChangedNotice, type AiwmDeleted, type AiwmPage } from '@agentfleet/contracts';
import type { FieldProblem } from '@agentfleet/errors';
import { Audit, Bus, IdentityStore, Transactions, validationFailed, type Caller, type Transaction } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { AgentDirectory } from '../agent-records/agent-directory';
import { AgentRepository } from '../agent-records/agent.repository';
import type { AgentDocument } from '../agent-records/agent.schema';
import { definedOnly } from '../api/bodies';
import type { ListQuery, ListRules } from '../api/list-query';
import { pageWire } from '../api/pages';
import { InstructionRepository } from '../instructions/instruction.repository';
import { InstructionsService } from '../instructions/instructions.service';
import { NodeRepository } from '../nodes/node.repository';
import { PasswordHashes } from '../passwords/password-hashes';
import { AGENT_SECRET_ROUNDS } from '../passwords/passwords';
import { PresenceService, type PresenceView } from '../presence/presence.service';
import { Resource } from '../tenancy/resource';
import { newTenantDocument, scopeOf } from '../tenancy/tenant';
import { ToolRepository } from '../tools/tool.repository';
import { AgentSettings } from './agent-settings';
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

@Injectable()
export class AgentsService {
  private readonly resource: Resource<AgentDocument>;

  constructor(
    private readonly repository: AgentRepository,
    private readonly presence: PresenceService,
    private readonly settings: AgentSettings,
    private readonly directory: AgentDirectory,
    private readonly instructionsService: InstructionsService,
    private readonly instructions: InstructionRepository,
    private readonly tools: ToolRepository,
    private readonly nodes: NodeRepository,
    private readonly bus: Bus,
    private readonly hashes: PasswordHashes,
    transactions: Transactions,
    audit: Audit,
    identity: IdentityStore,
  ) {
    this.resource = new Resource(repository.documents, transactions, audit, identity, {
      type: 'agent',
      readScope: scopeOf,
      deletionRaises: ['tokenVersion'],
      afterDelete: (agent, transaction) => this.endTokens(agent, 'deleted', transaction),
      afterUpdate: (before, after, transaction) => this.announce(before, after, transaction),
    });
  }

  async create(caller: Caller, body: CreateAgentDto): Promise<AgentDto> {
    const now = new Date();
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
    const toWire = (made: AgentDocument) => agentWire(made, this.settings.of(made), this.presence.ofNew(made));
    return this.resource.create(caller, agent, Object.keys(definedOnly(body)), toWire, async (transaction) => {
      await this.refer(agent.orgId, agent, transaction);
      await this.presence.create(agent._id, agent.orgId, now, transaction);
    });
  }

  async get(caller: Caller, id: string, populate: unknown): Promise<AgentDto> {
    const agent = await this.resource.get(caller, id);
    const wire = await this.wire(agent);
    if (populate !== 'instruction' || agent.instructionId === null) return wire;
    const instruction = await this.instructionsService.get({ ...caller, orgId: agent.orgId, allOrganizations: false }, agent.instructionId).catch(() => null);
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
    const { settings, type, allowedToolIds, ...rest } = body;
    const after = await this.resource.update(caller, id, async (before, transaction) => {
      if (type !== undefined && type !== before.type) throw validationFailed([{ field: 'type', message: 'cannot be changed after creation' }]);
      const references: References = {
        ...(rest.instructionId !== undefined && rest.instructionId !== before.instructionId ? { instructionId: rest.instructionId } : {}),
        ...(rest.nodeId !== undefined && rest.nodeId !== before.nodeId ? { nodeId: rest.nodeId } : {}),
        ...(allowedToolIds === undefined ? {} : { allowedToolIds }),
      };
      await this.refer(before.orgId, references, transaction);
      const statusChanged = rest.status !== undefined && rest.status !== before.status;
      const suspends = statusChanged && rest.status === 'suspended';
      const now = new Date();
      const set = {
        ...definedOnly(rest),
        ...(allowedToolIds === undefined ? {} : { allowedToolIds: [...new Set(allowedToolIds)] }),
        ...(settings === undefined ? {} : { settings: this.settings.store(settings, before) }),
        ...(statusChanged ? { statusChangedAt: now } : {}),
        ...(statusChanged && before.status === 'suspended' ? { suspensionEndedAt: now } : {}),
        ...(suspends ? { previousTokenVersion: null, previousValidUntil: null } : {}),
      };
      const changesDelivered = DELIVERED.some((field) => field in set && JSON.stringify(set[field]) !== JSON.stringify(before[field]));
      return { set, raise: [...(changesDelivered ? (['configRevision'] as const) : []), ...(suspends ? (['tokenVersion'] as const) : [])] };
    });
    return this.wire(after);
  }

  delete(caller: Caller, id: string): Promise<AiwmDeleted> {
    return this.resource.delete(caller, id);
  }

  private async wire(agent: AgentDocument): Promise<AgentDto> {
    const views = await this.presence.of([agent]);
    return this.wireWith(agent, views.get(agent._id.toHexString()));
  }

  private wireWith(agent: AgentDocument, view: PresenceView | undefined): AgentDto {
    if (!view) throw new Error('Every agent has a presence');
    return agentWire(agent, this.settings.of(agent), view);
  }

  /** Checks references against the agent's organization, whoever asks. @throws AppError `validation_failed` */
  private async refer(orgId: string, references: References, transaction: Transaction): Promise<void> {
    const problems: FieldProblem[] = [];
    const missing = (field: string) => problems.push({ field, message: ': not found in this organization' });
    const { instructionId, nodeId, allowedToolIds } = references;
    if (instructionId != null && !(await this.instructions.refer(orgId, instructionId, transaction))) missing('instructionId');
    if (nodeId != null && !(await this.nodes.refer(orgId, nodeId, transaction))) missing('nodeId');
    if (allowedToolIds && allowedToolIds.length > 0) {
      const found = await this.tools.refer(orgId, allowedToolIds, transaction);
      if (allowedToolIds.some((toolId) => !found.has(toolId))) missing('allowedToolIds');
    }
    if (problems.length > 0) throw validationFailed(problems);
  }

  private endTokens(agent: AgentDocument, reason: string, transaction: Transaction): Promise<void> {
    const agentId = agent._id.toHexString();
    transaction.afterCommit(() => {
      this.directory.forget(agentId);
      const { orgId, tokenVersion } = agent;
      const notice: AgentRevokedNotice = { orgId, agentId, tokenVersion, previousValidUntil: null, reason, at: new Date().toISOString() };
      this.bus.notify(PLATFORM_NOTICES.agentRevoked, notice);
    });
    return Promise.resolve();
  }

  private async announce(before: AgentDocument, after: AgentDocument, transaction: Transaction): Promise<void> {
    const agentId = after._id.toHexString();
    if (after.tokenVersion !== before.tokenVersion) await this.endTokens(after, 'suspended', transaction);
    transaction.afterCommit(() => {
      this.directory.forget(agentId);
      if (after.status !== before.status) this.presence.mayHaveChanged(agentId);
      if (after.configRevision === before.configRevision && after.status === before.status) return;
      const notice: AiwmConfigurationChangedNotice = { orgId: after.orgId, agentId, configRevision: after.configRevision, at: new Date().toISOString() };
      this.bus.notify(AIWM_NOTICES.configurationChanged, notice);
    });
  }
}
