import { HealthChecks, Public, REPLICA, type Replica } from '@agentfleet/platform';
import { Controller, Get, Inject, Res } from '@nestjs/common';
import { ApiOkResponse, ApiProperty, ApiServiceUnavailableResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Bindings } from '../bindings/bindings';

class DependencyChecksDto {
  @ApiProperty({ enum: ['up', 'down'] }) mongodb!: 'up' | 'down';
  @ApiProperty({ enum: ['up', 'down'] }) redis!: 'up' | 'down';
}

class ClusterAgentHealthDto {
  @ApiProperty({ enum: ['ok', 'degraded', 'down'] }) status!: 'ok' | 'degraded' | 'down';
  @ApiProperty({ enum: ['cluster-agent'] }) service!: 'cluster-agent';
  @ApiProperty({ type: String }) version!: string;
  @ApiProperty({ type: 'integer' }) uptime_seconds!: number;
  @ApiProperty({ type: String }) replica_id!: string;
  @ApiProperty({ type: DependencyChecksDto }) checks!: DependencyChecksDto;
  /** Open sockets of this replica. */
  @ApiProperty({ type: 'integer' }) sockets!: number;
  @ApiProperty({ type: 'integer' }) clusters_online!: number;
}

const UP: ClusterAgentHealthDto = {
  status: 'ok',
  service: 'cluster-agent',
  version: '1.0.0',
  uptime_seconds: 3600,
  replica_id: 'cluster-agent-1a2b3c4d',
  checks: { mongodb: 'up', redis: 'up' },
  sockets: 12,
  clusters_online: 10,
};
const DOWN: ClusterAgentHealthDto = { ...UP, status: 'down', checks: { mongodb: 'down', redis: 'up' } };

/** The contract's own health answer; `/api/v1/health` because some agents probe that. */
@ApiTags('operations')
@Controller()
export class HealthController {
  constructor(
    private readonly health: HealthChecks,
    private readonly bindings: Bindings,
    @Inject(REPLICA) private readonly replica: Replica,
  ) {}

  /** The controller itself: `degraded` when only Redis is down, 503 without MongoDB. */
  @Get(['health', 'api/v1/health'])
  @Public()
  @ApiOkResponse({ type: ClusterAgentHealthDto, example: UP })
  @ApiServiceUnavailableResponse({ type: ClusterAgentHealthDto, example: DOWN })
  read(@Res() reply: FastifyReply): void {
    const { mongodb, redis } = this.health.checks();
    const status = this.health.status();
    const body: ClusterAgentHealthDto = {
      status,
      service: 'cluster-agent',
      version: this.replica.version,
      uptime_seconds: this.health.uptimeSeconds(),
      replica_id: this.replica.id,
      checks: { mongodb, redis },
      sockets: this.bindings.sockets.size,
      clusters_online: this.bindings.onlineCount,
    };
    void reply.status(status === 'down' ? 503 : 200).send(body);
  }
}
