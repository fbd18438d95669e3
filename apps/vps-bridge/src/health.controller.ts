import { HealthChecks, Public, REPLICA, type Replica } from '@agentfleet/platform';
import { Controller, Get, Inject, Res } from '@nestjs/common';
import { ApiOkResponse, ApiProperty, ApiServiceUnavailableResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';

class DependencyChecksDto {
  @ApiProperty({ enum: ['up', 'down'] }) mongodb!: 'up' | 'down';
  @ApiProperty({ enum: ['up', 'down'] }) redis!: 'up' | 'down';
}

export class BridgeHealthDto {
  @ApiProperty({ enum: ['ok', 'degraded', 'down'] }) status!: 'ok' | 'degraded' | 'down';
  @ApiProperty({ enum: ['vps-bridge'] }) service!: 'vps-bridge';
  @ApiProperty({ type: String }) version!: string;
  @ApiProperty({ type: Number }) uptime_seconds!: number;
  @ApiProperty({ type: String }) replica_id!: string;
  @ApiProperty({ type: DependencyChecksDto }) checks!: DependencyChecksDto;
}

const UP: BridgeHealthDto = { status: 'ok', service: 'vps-bridge', version: '1.0.0', uptime_seconds: 3600, replica_id: 'vps-bridge-1a2b3c4d', checks: { mongodb: 'up', redis: 'up' } };
const DOWN: BridgeHealthDto = { ...UP, status: 'down', checks: { mongodb: 'down', redis: 'up' } };

@ApiTags('operations')
@Controller()
export class RootHealthController {
  constructor(
    private readonly health: HealthChecks,
    @Inject(REPLICA) private readonly replica: Replica,
  ) {}

  /** The bridge itself: `degraded` when only Redis is down, 503 without MongoDB. */
  @Get('health')
  @Public()
  @ApiOkResponse({ type: BridgeHealthDto, example: UP })
  @ApiServiceUnavailableResponse({ type: BridgeHealthDto, example: DOWN })
  get(@Res() reply: FastifyReply): void {
    const { mongodb, redis } = this.health.checks();
    const body: BridgeHealthDto = {
      status: this.health.status(),
      service: 'vps-bridge',
      version: this.replica.version,
      uptime_seconds: this.health.uptimeSeconds(),
      replica_id: this.replica.id,
      checks: { mongodb, redis },
    };
    void reply.status(body.status === 'down' ? 503 : 200).send(body);
  }
}
