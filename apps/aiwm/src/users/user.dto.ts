import { AIWM_USER_STATUSES, ROLES, type AiwmUser, type AiwmUserCreate, type AiwmUserStatus, type AiwmUserUpdate } from '@agentfleet/contracts';
import { ApiProperty, PartialType } from '@nestjs/swagger';
import type { Documented } from '../api/documented';
import { EXAMPLE, example } from '../api/examples';
import { OwnerDto } from '../api/page.dto';
import { OneOf, Optional, Pattern, Text, TextList } from '../api/validation';

/** A host without a dot is fine: the first administrator is `admin@localhost`. */
const EMAIL = /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$/;

export class CreateUserDto implements Documented<AiwmUserCreate> {
  /** Stored in lower case, unique over all organizations. */
  @Text({ min: 3, max: 254, example: 'ann@example.org' })
  @Pattern(EMAIL, 'must be an e-mail address')
  username!: string;

  /** 8 to 72 bytes; not one of the commonest, not the username. Never shown again. */
  @Text({ min: 1, max: 1024, example: 'correct horse battery staple' })
  password!: string;

  @TextList({ minItems: 1, maxItems: 4, maxLength: 40, values: ROLES })
  roles!: string[];

  @Optional() @OneOf(AIWM_USER_STATUSES)
  status?: AiwmUserStatus;

  @Optional() @Text({ max: 200, controlCharacters: false, example: 'Ann Example' })
  fullname?: string;
}

export class UpdateUserDto extends PartialType(CreateUserDto, { skipNullProperties: false }) implements Documented<AiwmUserUpdate> {}

export class UserDto implements Documented<AiwmUser> {
  _id!: string;
  /** @example "ann@example.org" */
  username!: string;
  fullname!: string;
  @ApiProperty({ enum: [...AIWM_USER_STATUSES] })
  status!: string;
  @ApiProperty({ type: [String], enum: [...ROLES] })
  roles!: string[];
  owner!: OwnerDto;
  createdBy!: string;
  updatedBy!: string;
  createdAt!: string;
  updatedAt!: string;
}

example(CreateUserDto, { username: 'ann@example.org', password: 'a quiet long password', roles: ['organization.editor'], fullname: 'Ann Example' });
example(UpdateUserDto, { roles: ['organization.viewer'] });
example(UserDto, { _id: EXAMPLE.USER, username: 'ann@example.org', fullname: 'Ann Example', status: 'active', roles: ['organization.editor'], ...EXAMPLE.TENANT });
