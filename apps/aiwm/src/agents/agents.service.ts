import { AIWM_NOTICES, PLATFORM_NOTICES, type AgentRevokedNotice, type AiwmConfigurationChangedNotice, type AiwmDeleted, type AiwmPage } from '@agentfleet/contracts';
import type { FieldProblem } from '@agentfleet/errors';
import { Audit, Bus, FieldCipher, IdentityStore, Transactions, validationFailed, type Caller, type Transaction } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { InstructionsService } from '../instructions/instructions.service';
import { AGENT_SECRET_ROUNDS } from '../connection/secret-check';
import { PasswordHashes } from '../passwords/password-hashes';
import { PresenceService, type PresenceView } from '../presence/presence.service';
import type { ListQuery, ListRules } from '../api/list-query';
import { definedOnly, newDocument, Resource, scopeOf } from '../tenancy/resource';
import type { AgentDto, CreateAgentDto, UpdateAgentDto } from './agent.dto';
import { AgentDirectory } from '../agent-records/agent-directory';
import { AgentRepository } from '../agent-records/agent.repository';
import type { AgentDocument } from '../agent-records/agent.schema';
import { agentWire } from './agent-wire';
import { restoreSecrets, type Settings } from './settings';

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

const SETTINGS_CONTEXT = 'agents.settings';
/** A change of these is a change of what the agent is handed. */
const DELIVERED = ['name', 'instructionId', 'allowedToolIds', 'settings'] as const;

type References = Pick<Partial<AgentDocument>, 'instructionId' | 'nodeId' | 'allowedToolIds'>;

@Injectable()
export class AgentsService {
  private readonly resource: Resource<AgentDocument>;

  constructor(
    private readonly repository: AgentRepository,
    private readonly presence: PresenceService,
    private readonly cipher: FieldCipher,
    private readonly directory: AgentDirectory,
    private readonly instructions: InstructionsService,
    private readonly bus: Bus,
    private readonly hashes: PasswordHashes,
    transactions: Transactions,
    audit: Audit,
    identity: IdentityStore,
  ) {
    this.resource = new Resource(repository.documents, transactions, audit, identity, {
      type: 'agent',
      deletionRaises: 'tokenVersion',
      afterDelete: (agent, transaction) => this.endTokens(agent, 'deleted', transaction),
      afterUpdate: (before, after, transaction) => this.announce(before, after, transaction),
    });
  }

  async create(caller: Caller, body: CreateAgentDto): Promise<AgentDto> {
    const now = new Date();
    const { settings, problems } = restoreSecrets(body.settings ?? {}, {});
    if (problems.length > 0) throw validationFailed(problems);
    const hash = body.secret === undefined ? null : await this.hashes.make(`caller:${caller.id}`, body.secret, AGENT_SECRET_ROUNDS);
    const agent: AgentDocument = {
      ...newDocument(caller, now),
      name: body.name,
      description: body.description ?? '',
      status: body.status ?? 'active',
      statusChangedAt: now,
      type: body.type ?? 'autonomous',
      instructionId: body.instructionId ?? null,
      nodeId: body.nodeId ?? null,
      allowedToolIds: [...new Set(body.allowedToolIds ?? [])],
      tags: body.tags ?? [],
      settings: this.cipher.encrypt(JSON.stringify(settings), SETTINGS_CONTEXT),
      credential: hash === null ? null : { hash, generated: false, issuedAt: now, expiresAt: null },
      previousCredential: null,
      tokenVersion: 1,
      previousTokenVersion: null,
      previousValidUntil: null,
      configRevision: 1,
    };
    const toWire = (made: AgentDocument) => agentWire(made, settings, this.presence.ofNew(made));
    return this.resource.create(caller, agent, Object.keys(definedOnly(body)), toWire, async (transaction) => {
      await this.takeReferences(agent.orgId, agent, transaction);
      await this.presence.create(agent._id, agent.orgId, now, transaction);
    });
  }

  async get(caller: Caller, id: string, populate: unknown): Promise<AgentDto> {
    const agent = await this.resource.get(caller, id);
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
    return {
      data: page.items.map((agent) => this.wireWith(agent, views.get(agent._id.toHexString()))),
      pagination: { page: query.page, limit: query.limit, total: page.total, totalPages: Math.ceil(page.total / query.limit) },
      statistics: { total: page.total, byStatus: page.byStatus, byType: page.byType, byConnectionStatus },
    };
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
      await this.takeReferences(before.orgId, references, transaction);
      const statusChanged = rest.status !== undefined && rest.status !== before.status;
      const suspends = statusChanged && rest.status === 'suspended';
      const now = new Date();
      const isSame = settings !== undefined && this.isSame(settings, before);
      const set = {
        ...definedOnly(rest),
        ...(allowedToolIds === undefined ? {} : { allowedToolIds: [...new Set(allowedToolIds)] }),
        ...(settings === undefined ? {} : { settings: isSame ? before.settings : this.encryptSettings(settings, this.settingsOf(before)) }),
        ...(statusChanged ? { statusChangedAt: now } : {}),
        ...(statusChanged && before.status === 'suspended' ? { suspensionEndedAt: now } : {}),
        ...(suspends ? { previousTokenVersion: null, previousValidUntil: null } : {}),
      };
      const inc = {
        ...(DELIVERED.some((field) => field in set && JSON.stringify(set[field]) !== JSON.stringify(before[field])) ? { configRevision: 1 } : {}),
        ...(suspends ? { tokenVersion: 1 } : {}),
      };
      return { set, ...(Object.keys(inc).length > 0 ? { inc } : {}) };
    });
    return this.wire(after);
  }

  delete(caller: Caller, id: string): Promise<AiwmDeleted> {
    return this.resource.delete(caller, id);
  }

  settingsOf(agent: AgentDocument): Settings {
    return JSON.parse(this.cipher.decrypt(agent.settings, SETTINGS_CONTEXT));
  }

  /** What is sent is what is stored already, `"[redacted]"` standing for itself. */
  private isSame(given: Settings, agent: AgentDocument): boolean {
    const stored = this.settingsOf(agent);
    return JSON.stringify(restoreSecrets(given, stored).settings) === JSON.stringify(stored);
  }

  private encryptSettings(given: Settings, stored: Settings): string {
    const { settings, problems } = restoreSecrets(given, stored);
    if (problems.length > 0) throw validationFailed(problems);
    return this.cipher.encrypt(JSON.stringify(settings), SETTINGS_CONTEXT);
  }

  private async wire(agent: AgentDocument): Promise<AgentDto> {
    const views = await this.presence.of([agent]);
    return this.wireWith(agent, views.get(agent._id.toHexString()));
  }

  private wireWith(agent: AgentDocument, view: PresenceView | undefined): AgentDto {
    if (!view) throw new Error('Every agent has a presence');
    return agentWire(agent, this.settingsOf(agent), view);
  }

  /** Checks references against the agent's organization, whoever asks. @throws AppError `validation_failed` */
  private async takeReferences(orgId: string, references: References, transaction: Transaction): Promise<void> {
    const problems: FieldProblem[] = [];
    const missing = (field: string) => problems.push({ field, message: ': not found in this organization' });
    const { instructionId, nodeId, allowedToolIds } = references;
    if (instructionId != null && !(await this.repository.takeInstruction(orgId, instructionId, transaction))) missing('instructionId');
    if (nodeId != null && !(await this.repository.takeNode(orgId, nodeId, transaction))) missing('nodeId');
    if (allowedToolIds && allowedToolIds.length > 0) {
      const found = await this.repository.takeTools(orgId, allowedToolIds, transaction);
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
