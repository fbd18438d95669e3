import type { AiwmDeleted, AiwmPage } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import { Audit, IdentityStore, Transactions, type Caller, type Transaction } from '@agentfleet/platform';
import { Injectable } from '@nestjs/common';
import { AgentRepository } from '../agent-records/agent.repository';
import { ConfigurationChanges } from '../agent-records/configuration-changes';
import { definedOnly } from '../api/bodies';
import type { ListQuery, ListRules } from '../api/list-query';
import { pageWire } from '../api/pages';
import { Resource } from '../tenancy/resource';
import { newTenantDocument, scopeOf, tenantWire } from '../tenancy/tenant';
import type { CreateInstructionDto, InstructionDto, UpdateInstructionDto } from './instruction.dto';
import { InstructionRepository } from './instruction.repository';
import type { InstructionDocument } from './instruction.schema';

export const INSTRUCTION_LIST: ListRules = {
  filters: { name: 'contains', status: 'equals', tags: 'member', _id: 'id' },
  sorts: ['name', 'status', 'createdAt', 'updatedAt'],
};

export function instructionWire(document: InstructionDocument): InstructionDto {
  return {
    _id: document._id.toHexString(),
    name: document.name,
    description: document.description,
    systemPrompt: document.systemPrompt,
    guidelines: [...document.guidelines],
    tags: [...document.tags],
    status: document.status,
    ...tenantWire(document),
  };
}

const inUse = (count: number) =>
  new AppError('in_use', { message: `${count} agent${count === 1 ? ' uses' : 's use'} this instruction; assign another one first` });

@Injectable()
export class InstructionsService {
  private readonly resource: Resource<InstructionDocument>;

  constructor(
    repository: InstructionRepository,
    private readonly agents: AgentRepository,
    private readonly changes: ConfigurationChanges,
    transactions: Transactions,
    audit: Audit,
    identity: IdentityStore,
  ) {
    this.resource = new Resource(repository.documents, transactions, audit, identity, {
      type: 'instruction',
      readScope: scopeOf,
      beforeDelete: (document, transaction) => this.refuseWhileUsed(document, transaction),
      afterUpdate: (before, after, transaction) => this.followUp(before, after, transaction),
    });
  }

  async create(caller: Caller, body: CreateInstructionDto): Promise<InstructionDto> {
    const given = { description: '', guidelines: [], tags: [], status: 'active' as const, ...definedOnly(body) };
    const { name, systemPrompt } = body;
    const document = { ...newTenantDocument(caller.orgId, caller.id, new Date()), ...given, name, systemPrompt, references: 0 };
    return this.resource.create(caller, document, Object.keys(definedOnly(body)), instructionWire);
  }

  async get(caller: Caller, id: string): Promise<InstructionDto> {
    return instructionWire(await this.resource.get(caller, id));
  }

  async list(caller: Caller, query: ListQuery): Promise<AiwmPage<InstructionDto>> {
    return pageWire(await this.resource.list(caller, query), query, instructionWire);
  }

  async update(caller: Caller, id: string, body: UpdateInstructionDto): Promise<InstructionDto> {
    const set = definedOnly(body);
    const after = await this.resource.update(caller, id, async (before, transaction) => {
      if (set.status === 'inactive' && before.status === 'active') await this.refuseWhileUsed(before, transaction);
      return { set: { ...set, references: before.references + 1 } };
    });
    return instructionWire(after);
  }

  delete(caller: Caller, id: string): Promise<AiwmDeleted> {
    return this.resource.delete(caller, id);
  }

  private async refuseWhileUsed(document: InstructionDocument, transaction: Transaction): Promise<void> {
    const count = await this.agents.countReferring('instructionId', document._id.toHexString(), transaction);
    if (count > 0) throw inUse(count);
  }

  private async followUp(before: InstructionDocument, after: InstructionDocument, transaction: Transaction): Promise<void> {
    const same = before.systemPrompt === after.systemPrompt && JSON.stringify(before.guidelines) === JSON.stringify(after.guidelines);
    if (!same) await this.changes.ofInstruction(after._id.toHexString(), transaction);
  }
}
