import type { AiwmOrganization, AiwmOrganizationCreate, AiwmOrganizationUpdate } from '@agentfleet/contracts';
import { PartialType } from '@nestjs/swagger';
import { EXAMPLE, example } from '../api/examples';
import { Optional, Pattern, Text } from '../api/validation';

export class CreateOrganizationDto implements AiwmOrganizationCreate {
  @Text({ min: 1, max: 64, example: 'acme' })
  @Pattern(/^[a-zA-Z0-9-]*$/, 'must have only letters, digits and hyphens')
  name!: string;

  @Optional() @Text({ max: 1000 })
  description?: string;
}

export class UpdateOrganizationDto extends PartialType(CreateOrganizationDto, { skipNullProperties: false }) implements AiwmOrganizationUpdate {}

export class OrganizationDto implements AiwmOrganization {
  _id!: string;
  name!: string;
  description!: string;
  createdAt!: string;
  updatedAt!: string;
}

example(CreateOrganizationDto, { name: 'acme', description: 'The Acme team' });
example(UpdateOrganizationDto, { description: 'The Acme team' });
example(OrganizationDto, { _id: EXAMPLE.ORG, name: 'acme', description: 'The Acme team', createdAt: EXAMPLE.EARLIER, updatedAt: EXAMPLE.NOW });
