import {
  AIWM_INSTRUCTION_STATUSES,
  type AiwmInstruction,
  type AiwmInstructionCreate,
  type AiwmInstructionStatus,
  type AiwmInstructionUpdate,
} from '@agentfleet/contracts';
import { PartialType } from '@nestjs/swagger';
import type { Documented } from '../api/documented';
import { EXAMPLE, example } from '../api/examples';
import { OwnerDto } from '../api/page.dto';
import { OneOf, Optional, Text, TextList } from '../api/validation';

export class CreateInstructionDto implements AiwmInstructionCreate {
  @Text({ min: 1, max: 200, controlCharacters: false, example: 'Support agent' })
  name!: string;

  @Text({ min: 10, max: 200_000, example: 'You are a helpful AI assistant.' })
  systemPrompt!: string;

  @Optional() @Text({ max: 1000 })
  description?: string;

  @Optional() @TextList({ maxItems: 200, maxLength: 4000 })
  guidelines?: string[];

  @Optional() @TextList({ maxItems: 50, maxLength: 100 })
  tags?: string[];

  @Optional() @OneOf(AIWM_INSTRUCTION_STATUSES)
  status?: AiwmInstructionStatus;
}

export class UpdateInstructionDto extends PartialType(CreateInstructionDto, { skipNullProperties: false }) implements AiwmInstructionUpdate {}

export class InstructionDto implements Documented<AiwmInstruction> {
  _id!: string;
  name!: string;
  description!: string;
  systemPrompt!: string;
  guidelines!: string[];
  tags!: string[];
  status!: string;
  owner!: OwnerDto;
  createdBy!: string;
  updatedBy!: string;
  createdAt!: string;
  updatedAt!: string;
}

const instruction = { name: 'Support', systemPrompt: 'You are a helpful AI assistant.', description: '', guidelines: ['Be polite', 'Be accurate'], tags: ['support'] };
example(CreateInstructionDto, instruction);
example(UpdateInstructionDto, { guidelines: ['Be brief'] });
example(InstructionDto, { _id: EXAMPLE.INSTRUCTION, ...instruction, status: 'active', ...EXAMPLE.TENANT });
