import { AIWM_QUERY_DIALECT, dayOf, QueryReader, timeOf } from '@agentfleet/contracts';
import { CLOCK, CurrentCaller, ENV, Leases, Lifecycle, Needs, validationFailed, type Caller, type Clock } from '@agentfleet/platform';
import { Controller, Get, Inject, Query, type OnModuleInit } from '@nestjs/common';
import { ApiQuery, ApiTags } from '@nestjs/swagger';
import type { AiwmEnv } from '../env';
import { ApiErrors, ApiPage } from '../api/api-docs';
import { parseListQuery, type ListRules } from '../api/list-query';
import { pageWire } from '../api/pages';
import { AuditRecordDto } from './audit-log.dto';
import { AuditLogRepository, type AuditDocument } from './audit-log.repository';

const FILTERS = ['action', 'targetType', 'targetId', 'actorId'] as const;
const LIST: ListRules = { filters: { action: 'equals', targetType: 'equals', targetId: 'equals', actorId: 'equals' }, sorts: ['at', 'createdAt'] };
const CLEAN_UP_EVERY_MS = 3_600_000;
const MS_PER_DAY = 86_400_000;
const RANGE_TIME = { required: false, schema: { type: 'string' as const, format: 'date-time' } };

/** A day counts as its beginning. */
function rangeEnd(reader: QueryReader, name: string): Date | undefined {
  const value = reader.raw(name);
  if (value === undefined) return undefined;
  return timeOf(value) ?? dayOf(value) ?? reader.refuse(name, 'must be a time, ISO 8601 with a zone');
}

function wire(record: AuditDocument): AuditRecordDto {
  const { _id, at, actor, orgId, action, target, fields, correlationId, sourceAddress } = record;
  return {
    _id: _id.toHexString(),
    at: at.toISOString(),
    actor: { kind: actor.kind, id: actor.id, name: actor.name },
    orgId,
    action,
    target: { type: target.type, id: target.id, name: target.name },
    fields: [...fields],
    correlationId,
    sourceAddress,
  };
}

@ApiTags('audit')
@Controller('audit-log')
export class AuditLogController implements OnModuleInit {
  constructor(
    private readonly repository: AuditLogRepository,
    private readonly leases: Leases,
    private readonly lifecycle: Lifecycle,
    @Inject(ENV) private readonly env: AiwmEnv,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  onModuleInit(): void {
    this.lifecycle.beforeReady('age of audit records', () => this.dropOld());
    this.leases.every('aiwm.audit-retention', { periodMs: CLEAN_UP_EVERY_MS, leaseMs: 2 * CLEAN_UP_EVERY_MS }, () => this.dropOld());
  }

  /** Changes of all apps, newest first. No route changes it. */
  @Get()
  @Needs('audit:read')
  @ApiPage(AuditRecordDto, FILTERS, LIST.sorts)
  @ApiQuery({ name: 'from', ...RANGE_TIME })
  @ApiQuery({ name: 'to', ...RANGE_TIME })
  @ApiErrors(400, 401, 403, 503)
  async list(@CurrentCaller() caller: Caller, @Query() query: Record<string, unknown>): Promise<object> {
    const list = parseListQuery(query, LIST);
    const { page, limit, filters, sort } = list;
    const reader = new QueryReader(query, AIWM_QUERY_DIALECT);
    const from = rangeEnd(reader, 'from');
    const to = rangeEnd(reader, 'to');
    if (reader.problems.length > 0) throw validationFailed(reader.problems);
    const value = (field: (typeof FILTERS)[number]) => filters.find((filter) => filter.field === field)?.value;
    const found = await this.repository.page({
      orgId: caller.allOrganizations ? undefined : caller.orgId,
      action: value('action'),
      targetType: value('targetType'),
      targetId: value('targetId'),
      actorId: value('actorId'),
      from,
      to,
      newestFirst: sort[0]?.direction !== 1,
      skip: (page - 1) * limit,
      limit,
    });
    return pageWire(found, list, wire);
  }

  private async dropOld(): Promise<void> {
    await this.repository.dropBefore(new Date(this.clock.now() - this.env.AUDIT_RETENTION_DAYS * MS_PER_DAY));
  }
}
