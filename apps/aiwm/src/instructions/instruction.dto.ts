import { PartialType } from '@nestjs/swagger';
import { OwnerDto } from '../resources/pagination.dto';
import { OneOf, Optional, Text, TextList } from '../resources/validation';

export class CreateInstructionDto {
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

  @Optional() @OneOf(['active', 'inactive'])
  status?: 'active' | 'inactive';
}

export class UpdateInstructionDto extends PartialType(CreateInstructionDto, { skipNullProperties: false }) {}

export class InstructionDto {
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
