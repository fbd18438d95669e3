import { ApiProperty } from '@nestjs/swagger';

/** Where a page stands in its list. */
export class PaginationDto {
  /** @example 1 */
  page!: number;
  /** @example 10 */
  limit!: number;
  /** @example 42 */
  total!: number;
  /** @example 5 */
  totalPages!: number;
}

/** Counts over the whole filtered list. */
export class StatisticsDto {
  total!: number;
  @ApiProperty({ type: 'object', additionalProperties: { type: 'number' }, example: { active: 40, inactive: 2 } })
  byStatus!: Record<string, number>;
  @ApiProperty({ type: 'object', additionalProperties: { type: 'number' }, selfRequired: false })
  byType?: Record<string, number>;
}

export class OwnerDto {
  /** Organization, 24 hex digits. */
  orgId!: string;
}

export class SuccessDto {
  success!: boolean;
}

/** Answer to a deletion. */
export class DeletedDto {
  _id!: string;
  deletedAt!: string;
  message!: string;
}
