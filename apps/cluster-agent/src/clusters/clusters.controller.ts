import { CLUSTER_PRESENCE_STATES, type ClusterEventView, type ClusterListItem, type Parsed, type ClusterView } from '@agentfleet/contracts';
import { AppError } from '@agentfleet/errors';
import { CLOCK, CurrentCaller, ENV, FieldCipher, Needs, NoBody, REPLICA, validationFailed, type Caller, type Clock, type Replica } from '@agentfleet/platform';
import { Controller, Delete, Get, HttpCode, Inject, Param, Query } from '@nestjs/common';
import { ApiNoContentResponse, ApiOkResponse, ApiParam, ApiQuery, ApiTags } from '@nestjs/swagger';
import { ApiErrors } from '../api-docs/api-errors';
import { publicUrl, type ClusterAgentEnv } from '../env';
import { INTEGRATIONS_CONTEXT } from '../presence/heartbeat-writer';
import { ClusterRepository } from '../records/cluster.repository';
import type { ClusterRecord } from '../records/cluster.schema';
import { storedObject } from '../records/stored-cluster';
import { CLUSTER, CLUSTER_LIST, EVENT_LIST } from './cluster-examples';
import { ClusterDto, ClusterEventListDto, ClusterListDto } from './clusters.dto';
import { clusterView, eventView, listItem } from './cluster-view';
import { DeleteCluster } from './delete-cluster';
import { parseClusterQuery, parseEventsQuery } from './list-query';

interface Listed<T> {
  readonly data: readonly T[];
  readonly pagination: { readonly page: number; readonly limit: number; readonly total: number };
}

const CLUSTER_ID = { name: 'cluster_id', type: String, format: 'uuid' } as const;
const LIMIT = { name: 'limit', required: false, description: 'More than 100 is taken as 100', schema: { type: 'integer', minimum: 1, default: 10 } } as const;

/** Management of clusters, for people and their tools. */
@ApiTags('clusters')
@Controller('api/v1/clusters')
export class ClustersController {
  constructor(
    private readonly repository: ClusterRepository,
    private readonly deleteCluster: DeleteCluster,
    private readonly cipher: FieldCipher,
    @Inject(ENV) private readonly env: ClusterAgentEnv,
    @Inject(REPLICA) private readonly replica: Replica,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Clusters of the organization. */
  @Get()
  @Needs('clusters:read')
  @ApiQuery({ name: 'presence', required: false, enum: CLUSTER_PRESENCE_STATES })
  @ApiQuery({ name: 'name', required: false, type: String, description: 'contains, literally' })
  @ApiQuery({ name: 'agent_id', required: false, type: String })
  @ApiQuery({ name: 'label', required: false, type: [String], description: 'name=value; repeatable, all must fit' })
  @ApiQuery({ name: 'transport', required: false, enum: ['websocket', 'http'] })
  @ApiQuery({ name: 'feature', required: false, type: String })
  @ApiQuery({ name: 'updated_after', required: false, type: String, format: 'date-time' })
  @ApiQuery({ name: 'sort', required: false, enum: ['name', '-last_seen_at', 'registered_at'] })
  @ApiQuery({ name: 'page', required: false, schema: { type: 'integer', minimum: 1, default: 1 } })
  @ApiQuery(LIMIT)
  @ApiOkResponse({ type: ClusterListDto, example: CLUSTER_LIST })
  @ApiErrors('QUERY')
  async list(@CurrentCaller() caller: Caller, @Query() query: Record<string, unknown>): Promise<Listed<ClusterListItem>> {
    const parsed = orRefuse(parseClusterQuery(query));
    const { items, total } = await this.repository.list(caller, parsed.query);
    const now = new Date(this.clock.now());
    return { data: items.map((record) => listItem(record, this.publicUrl, now)), pagination: { ...parsed.page, total } };
  }

  /** One cluster with what it reported. */
  @Get(':cluster_id')
  @Needs('clusters:read')
  @ApiParam(CLUSTER_ID)
  @ApiOkResponse({ type: ClusterDto, example: CLUSTER })
  @ApiErrors('CLUSTER_NOT_FOUND')
  async read(@CurrentCaller() caller: Caller, @Param('cluster_id') clusterId: string): Promise<ClusterView> {
    const record = await this.find(caller, clusterId);
    const integrations = record.integrations === null ? null : storedObject(this.cipher.decrypt(record.integrations, INTEGRATIONS_CONTEXT));
    return clusterView(record, this.publicUrl, new Date(this.clock.now()), integrations);
  }

  /** What happened to a cluster, newest first. */
  @Get(':cluster_id/events')
  @Needs('clusters:read')
  @ApiParam(CLUSTER_ID)
  @ApiQuery({ name: 'before', required: false, description: 'only events with a smaller seq', schema: { type: 'integer', minimum: 1 } })
  @ApiQuery(LIMIT)
  @ApiOkResponse({ type: ClusterEventListDto, example: EVENT_LIST })
  @ApiErrors('QUERY', 'CLUSTER_NOT_FOUND')
  async events(
    @CurrentCaller() caller: Caller,
    @Param('cluster_id') clusterId: string,
    @Query() query: Record<string, unknown>,
  ): Promise<{ data: readonly ClusterEventView[] }> {
    const record = await this.find(caller, clusterId);
    const { before, limit } = orRefuse(parseEventsQuery(query));
    const events = await this.repository.eventsOf(record._id, before, limit);
    return { data: events.map(eventView) };
  }

  /** Forgets a cluster and closes its socket; its agent registers anew unless its key is revoked. */
  @Delete(':cluster_id')
  @HttpCode(204)
  @NoBody()
  @Needs('clusters:manage')
  @ApiParam(CLUSTER_ID)
  @ApiNoContentResponse({ description: 'Forgotten' })
  @ApiErrors('CLUSTER_NOT_FOUND')
  remove(@CurrentCaller() caller: Caller, @Param('cluster_id') clusterId: string): Promise<void> {
    return this.deleteCluster.run(caller, clusterId);
  }

  private get publicUrl(): string {
    return publicUrl(this.env, this.replica);
  }

  private async find(caller: Caller, clusterId: string): Promise<ClusterRecord> {
    const record = await this.repository.find(caller, clusterId);
    if (!record) throw new AppError('cluster_not_found');
    return record;
  }
}

function orRefuse<T>(parsed: Parsed<T>): T {
  if (!parsed.ok) throw validationFailed(parsed.problems);
  return parsed.value;
}
