import type { AiwmDeleted, AiwmOwner, AiwmPagination, AiwmStatistics, AiwmSuccess } from '@agentfleet/contracts';
import { ApiProperty } from '@nestjs/swagger';
import type { Documented } from './documented';
import { EXAMPLE, example } from './examples';

/** Where a page stands in its list. */
export class PaginationDto implements AiwmPagination {
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
export class StatisticsDto implements AiwmStatistics {
  total!: number;
  /** Only where there is a status. */
  @ApiProperty({ type: 'object', additionalProperties: { type: 'number' }, selfRequired: false, example: { active: 40, inactive: 2 } })
  byStatus?: Record<string, number>;
  @ApiProperty({ type: 'object', additionalProperties: { type: 'number' }, selfRequired: false })
  byType?: Record<string, number>;
  /** Agents only. */
  @ApiProperty({ type: 'object', additionalProperties: { type: 'number' }, selfRequired: false, example: { online: 38, offline: 4 } })
  byConnectionStatus?: Record<string, number>;
}

export class OwnerDto implements AiwmOwner {
  /** Organization, 24 hex digits. */
  orgId!: string;
}

export class SuccessDto implements Documented<AiwmSuccess> {
  success!: boolean;
}

/** Answer to a deletion. */
export class DeletedDto implements AiwmDeleted {
  _id!: string;
  deletedAt!: string;
  message!: string;
}

example(DeletedDto, { _id: EXAMPLE.AGENT, deletedAt: EXAMPLE.NOW, message: 'The agent was deleted' });
example(SuccessDto, { success: true });
