import type { AiwmDeleted, AiwmPage } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import { Changes, CLOCK, type Caller, type Clock, type Transaction } from '@agentfleet/platform';
import { Inject, Injectable } from '@nestjs/common';
import { AgentRepository } from '../agent-records/agent.repository';
import { ConfigurationChanges } from '../agent-records/configuration-changes';
import { definedOnly, deletedWire, sentFields } from '../api/bodies';
import { checkId } from '../api/ids';
import type { ListQuery, ListRules } from '../api/list-query';
import { pageWire } from '../api/pages';
import { audited, newTenantDocument, scopeOf, tenantWire } from '../tenancy/tenant';
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
  constructor(
    private readonly repository: InstructionRepository,
    private readonly agents: AgentRepository,
    private readonly configurations: ConfigurationChanges,
    private readonly changes: Changes,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  create(caller: Caller, body: CreateInstructionDto): Promise<InstructionDto> {
    const given = { description: '', guidelines: [], tags: [], status: 'active' as const, ...definedOnly(body) };
    const { name, systemPrompt } = body;
    const instruction = { ...newTenantDocument(caller.orgId, caller.id, new Date(this.clock.now())), ...given, name, systemPrompt, references: 0 };
    return this.changes.createIn(instruction.orgId, caller, 'instruction.create', async (transaction) => {
      await this.repository.documents.insert(instruction, transaction);
      const value = instructionWire(instruction);
      return { value, audit: audited('instruction', instruction, sentFields(body)), answer: value };
    });
  }

  async get(caller: Caller, id: string): Promise<InstructionDto> {
    return instructionWire(await this.repository.documents.get(scopeOf(caller), checkId(id)));
  }

  async list(caller: Caller, query: ListQuery): Promise<AiwmPage<InstructionDto>> {
    return pageWire(await this.repository.documents.list(scopeOf(caller), query), query, instructionWire);
  }

  async update(caller: Caller, id: string, body: UpdateInstructionDto): Promise<InstructionDto> {
    checkId(id);
    return this.changes.run(caller, 'instruction.update', async (transaction) => {
      const before = await this.repository.documents.get(scopeOf(caller), id, transaction);
      if (body.status === 'inactive' && before.status === 'active') await this.refuseWhileUsed(id, transaction);
      const by = { id: caller.id, at: new Date(this.clock.now()) };
      // raises `references`, so that an agent that begins to refer to it at the same time collides
      const after = await this.repository.documents.change(scopeOf(caller), id, { set: definedOnly(body), raise: ['references'], by }, transaction);
      const isSame = before.systemPrompt === after.systemPrompt && JSON.stringify(before.guidelines) === JSON.stringify(after.guidelines);
      if (!isSame) await this.configurations.ofInstruction(id, transaction);
      return { value: instructionWire(after), audit: audited('instruction', after, sentFields(body)) };
    });
  }

  async delete(caller: Caller, id: string): Promise<AiwmDeleted> {
    checkId(id);
    return this.changes.run(caller, 'instruction.delete', async (transaction) => {
      const by = { id: caller.id, at: new Date(this.clock.now()) };
      const instruction = await this.repository.documents.delete(scopeOf(caller), id, by, transaction);
      await this.refuseWhileUsed(id, transaction);
      return { value: deletedWire('instruction', id, by.at), audit: audited('instruction', instruction, []) };
    });
  }

  private async refuseWhileUsed(id: string, transaction: Transaction): Promise<void> {
    const count = await this.agents.countReferring('instructionId', id, transaction);
    if (count > 0) throw inUse(count);
  }
}
